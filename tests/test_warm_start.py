"""A warm start: the variables that it takes or never takes, and its log."""

import logging

import numpy as np
import pytest
import tensorflow as tf

from official import estimator as est
from official import optimizers
from official.estimator import slots
from official.optimizers import loss_scaling
from official.run import parameters

v1 = tf.compat.v1
train = v1.train


def _averaged(loss, step):
  descend = train.GradientDescentOptimizer(0.1).minimize(loss, step)
  averages = train.ExponentialMovingAverage(0.9)
  with tf.control_dependencies([descend]):
    return averages.apply(v1.trainable_variables())


def _in_scopes(loss, step):
  with v1.variable_scope('training'), v1.name_scope('inner'):
    return train.AdamOptimizer(0.1, name='Mine').minimize(loss, step)


def _two(loss, step):
  first, *others = v1.trainable_variables()
  return tf.group(
    train.AdamOptimizer(0.1).minimize(loss, step, [first]),
    train.AdamOptimizer(0.1).minimize(loss, var_list=others),
  )


def _scaled(loss, step):
  mixed = v1.mixed_precision
  return mixed.MixedPrecisionLossScaleOptimizer(
    train.AdamOptimizer(0.1), mixed.DynamicLossScale()
  ).minimize(loss, step)


def _tf1(make):
  return lambda loss, step: make(step).minimize(loss, step)


def _ours(make):
  return lambda loss, step: make().minimize(loss)


# Name of an optimizer to its train_op, and the number of variables that it
# makes for 5 trained ones.
OPTIMIZERS = {
  'GradientDescent': (_tf1(lambda _: train.GradientDescentOptimizer(0.1)), 0),
  'Momentum': (_tf1(lambda _: train.MomentumOptimizer(0.1, 0.9)), 5),
  'Adagrad': (_tf1(lambda _: train.AdagradOptimizer(0.1)), 5),
  'AdagradDA': (
    _tf1(lambda step: train.AdagradDAOptimizer(0.1, step)),
    10,
  ),
  'Adadelta': (_tf1(lambda _: train.AdadeltaOptimizer(0.1)), 10),
  'Adam': (_tf1(lambda _: train.AdamOptimizer(0.1)), 12),
  'RMSProp': (_tf1(lambda _: train.RMSPropOptimizer(0.1, momentum=0.9)), 10),
  'RMSProp centered': (
    _tf1(lambda _: train.RMSPropOptimizer(0.1, momentum=0.9, centered=True)),
    15,
  ),
  'Ftrl': (_tf1(lambda _: train.FtrlOptimizer(0.1)), 10),
  'ProximalAdagrad': (_tf1(lambda _: train.ProximalAdagradOptimizer(0.1)), 5),
  'ProximalGradientDescent': (
    _tf1(lambda _: train.ProximalGradientDescentOptimizer(0.1)),
    0,
  ),
  'moving averages': (_averaged, 5),
  'Adam of another name in scopes': (_in_scopes, 12),
  'two Adams': (_two, 14),
  'a loss scale of TensorFlow': (_scaled, 14),
  'our Momentum': (_ours(lambda: optimizers.MomentumOptimizer(0.1, 0.9)), 5),
  'our Adadelta': (_ours(lambda: optimizers.AdadeltaOptimizer(0.1)), 10),
  'our Adam': (_ours(lambda: optimizers.AdamOptimizer(0.1)), 12),
  'our LARS': (_ours(lambda: optimizers.LARSOptimizer(0.1)), 5),
  'our loss scale': (
    lambda loss, step: loss_scaling.dynamic_update(
      optimizers.AdamOptimizer(0.1), loss
    ),
    14,
  ),
}

# Variables of the network, with names that optimizers use too.
SHAPES = {
  'net/dense/kernel': [2, 3],
  'net/dense/bias': [3],
  'Adam': [3],
  'Momentum/kernel': [3],
  'net/beta1_power': [3],
}
STATISTIC = 'net/bn/moving_mean'


def make_model_fn(train_op, shapes):
  def model_fn(features, labels, mode):
    made = {
      name: v1.get_variable(
        name, shape, initializer=v1.random_normal_initializer()
      )
      for name, shape in shapes.items()
    }
    mean = v1.get_variable(
      STATISTIC, [3], trainable=False, initializer=v1.zeros_initializer()
    )
    kernel, *others = made.values()
    outputs = features @ kernel + sum(others)
    loss = tf.reduce_mean((outputs - 1.0) ** 2)
    with tf.control_dependencies([mean.assign_add([1.0, 2.0, 3.0])]):
      op = train_op(loss, train.get_global_step())
    return est.EstimatorSpec(mode, outputs, loss, op)

  return model_fn


class Start(est.Hook):
  """The values of the variables before the first step."""

  def begin(self, run):
    variables = run.estimator.variables.items()
    self.values = {name: v.numpy() for name, v in variables}


def run(folder, train_op, seed, warm_start=None, shapes=SHAPES):
  start = Start()
  estimator = est.Estimator(
    make_model_fn(train_op, shapes),
    str(folder),
    est.RunConfig(tf_random_seed=seed),
    warm_start_from=warm_start,
  )
  estimator.train(lambda: tf.ones([4, 2]), [start], steps=3)
  return estimator, start.values


# Optimizers that name their slots as one of these does.
_ALIKE = (
  *('GradientDescent', 'ProximalGradientDescent', 'ProximalAdagrad'),
  *('AdagradDA', 'our Momentum', 'our Adadelta', 'our Adam', 'RMSProp'),
)


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[pytest.mark.slow] if name in _ALIKE else [])
    for name in OPTIMIZERS
  ],
)
def test_no_slot_is_taken_and_all_of_the_network_is(tmp_path, name):
  train_op, count = OPTIMIZERS[name]
  first, initial = run(tmp_path / 'first', train_op, seed=1)
  model = {*SHAPES, STATISTIC}
  own = initial.keys() - model - {'global_step'}
  assert len(own) == count, sorted(own)
  second, start = run(
    tmp_path / 'second', train_op, 1, first.latest_checkpoint()
  )
  assert start['global_step'] == 0
  for variable in model:
    trained = first.get_variable_value(variable)
    assert (start[variable] == trained).all(), variable
    assert (initial[variable] != trained).any(), variable
  for variable in own:
    assert (start[variable] == initial[variable]).all(), variable
  assert parameters.count({}, first.latest_checkpoint()) == 6 + 3 + 3 + 3 + 3
  assert second.trainable_parameters == 18


@pytest.mark.parametrize(
  'shapes, expected',
  [
    # A slot is named under its variable, whatever its shape is.
    ({'w': [3], 'w/Momentum': [3], 'w/V': [1]}, {'w/Momentum', 'w/V'}),
    # This one is the user's own: slots begin with a capital.
    ({'w': [3], 'w/centers': [3]}, set()),
    # An optimizer of Keras has a scope of its own.
    (
      {
        'w': [3],
        'adam/iteration': [],
        'adam/learning_rate': [],
        'adam/w_momentum': [3],
      },
      {'adam/iteration', 'adam/learning_rate', 'adam/w_momentum'},
    ),
    ({'w': [3], 'w/Average': [3], 'w/Average/biased': []}, {'w/Average'}),
    # These are not named under a variable.
    ({'a/Momentum': [3], 'a/w/Adam': [3], 'Adam_1': [3]}, set()),
    # In a scope: under a name like that of a variable of the same shape.
    ({'a/w': [3], 'train/a/w/Adam': [3]}, {'train/a/w/Adam'}),
    ({'w': [3], 'layer/w/scale': []}, set()),
    # They have names of their own, and are scalars.
    ({'beta1_power': [], 'x/beta2_power_1': []}, {'beta1_power'}),
    ({'loss_scale': [], 'loss_scale/finite_steps': []}, {'loss_scale'}),
    ({'beta1_power': [3], 'my_beta1_power': [], 'loss_scales': []}, set()),
  ],
)
def test_a_slot_is_recognized_by_its_variable(shapes, expected):
  names = slots.among(shapes)
  assert expected <= names
  assert names - expected <= {
    'w/Average/biased',
    'x/beta2_power_1',
    'loss_scale/finite_steps',
  }
  assert not slots.among({'w': [3], 'w/offset': [3]}, trained={'w', 'w/offset'})


def test_an_average_may_be_taken_for_the_variable_it_follows(tmp_path):
  first, _ = run(tmp_path / 'first', _averaged, 1)
  name = 'net/dense/kernel'
  average = f'{name}/ExponentialMovingAverage'
  settings = est.WarmStartSettings(
    first.latest_checkpoint(), [f'{name}$'], {name: average}
  )
  _, start = run(tmp_path / 'second', _averaged, 2, settings)
  assert (start[name] == first.get_variable_value(average)).all()


OTHER = SHAPES | {
  'net/dense/bias': [1],
  **{f'more/layer_{i}': [3] for i in range(7)},
}
LACKS = (
  '7 are not in it (more/layer_0, more/layer_1, more/layer_2, more/layer_3, '
  'more/layer_4 and 2 more) and 1 have another shape there '
  '(net/dense/bias [3], here [1])'
)


def test_a_warm_start_from_another_network_is_logged_in_one_line(
  tmp_path, caplog
):
  descend = OPTIMIZERS['GradientDescent'][0]
  first, _ = run(tmp_path / 'first', descend, 1)
  prefix = first.latest_checkpoint()
  with caplog.at_level(logging.INFO, 'official.estimator.warm_start'):
    run(tmp_path / 'same', descend, 2, prefix)
    run(tmp_path / 'other', descend, 2, prefix, OTHER)
  records = [r for r in caplog.records if r.name.endswith('warm_start')]
  assert [r.levelname for r in records] == ['INFO', 'WARNING']
  assert records[0].getMessage() == (
    f'Warm start from {prefix}: 6 variables loaded.'
  )
  assert records[1].getMessage() == (
    f'Warm start from {prefix}: 5 variables loaded; the others keep their '
    f'initial values: {LACKS}.'
  )


def test_a_warm_start_that_must_be_complete_is_refused_if_it_is_not(tmp_path):
  descend = OPTIMIZERS['GradientDescent'][0]
  first, _ = run(tmp_path / 'first', descend, 1)
  prefix = first.latest_checkpoint()
  settings = est.WarmStartSettings(prefix, complete=True)
  with pytest.raises(est.IncompleteWarmStartError) as e:
    run(tmp_path / 'other', descend, 2, settings, OTHER)
  assert str(e.value) == (
    f'of 13 variables that must come from {prefix} {LACKS}'
  )
  assert not est.Checkpoints(str(tmp_path / 'other')).all()
  _, start = run(tmp_path / 'same', descend, 2, settings)
  for name in SHAPES:
    np.testing.assert_array_equal(start[name], first.get_variable_value(name))
  # Variables that must not come from there may have any shape.
  some = est.WarmStartSettings(prefix, ['kernel$'], complete=True)
  run(tmp_path / 'some', descend, 2, some, OTHER)
