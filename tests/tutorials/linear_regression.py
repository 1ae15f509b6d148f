import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

np.random.seed(0)
x = np.linspace(0, 10, 100).astype(np.float32)
y = (2.5 * x + 1.0 + np.random.normal(0, 1.5, 100)).astype(np.float32)

w = tf.Variable(0.0)
b = tf.Variable(0.0)
learning_rate = 0.02

for step in range(1000):
    with tf.GradientTape() as tape:
        y_pred = w * x + b
        loss = tf.reduce_mean(tf.square(y_pred - y))
    dw, db = tape.gradient(loss, [w, b])
    w.assign_sub(learning_rate * dw)
    b.assign_sub(learning_rate * db)
    if step % 200 == 0:
        print('step:', step, 'loss:', loss.numpy())

print('w = %.3f, b = %.3f' % (w.numpy(), b.numpy()))

plt.scatter(x, y, s=12, label='data')
plt.plot(x, (w * x + b).numpy(), color='red', label='fitted line')
plt.xlabel('x')
plt.ylabel('y')
plt.legend()
plt.savefig('linear_regression.png')
