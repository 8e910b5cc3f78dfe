"""Hooks: when each one acts, and its outputs."""

import logging
import signal
import time

import pytest
import tensorflow as tf

from official import estimator as est
from official import optimizers
from official.estimator import interrupts, summary
from tests import linear


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  """One Estimator for all hooks that only watch; its trace is reused."""
  estimator = linear.make(tmp_path_factory.mktemp('hooks'))
  estimator.train(linear.train_input, max_steps=1)
  return estimator


def watch(estimator, *hooks, steps=10):
  estimator.train(linear.train_input, hooks=hooks, steps=steps)


class Calls(est.Hook):
  def __init__(self):
    self.calls = []

  def begin(self, run):
    self.calls.append(('begin', run.global_step))

  def before_run(self, run):
    self.calls.append(('before', run.global_step))

  def after_run(self, run):
    self.calls.append(('after', run.global_step))

  def end(self, run):
    self.calls.append(('end', run.global_step))

  def abort(self, run, error):
    self.calls.append(('abort', str(error)))


def test_hooks_are_called_in_order(tmp_path):
  calls = Calls()
  linear.make(tmp_path).train(linear.train_input, hooks=[calls], steps=2)
  assert calls.calls == [
    ('begin', 0),
    ('before', 0),
    ('after', 1),
    ('before', 1),
    ('after', 2),
    ('end', 2),
  ]


def test_an_error_aborts_the_hooks_that_began(trained):
  class Fails(est.Hook):
    def after_run(self, run):
      raise OSError('disk full')

  calls = Calls()
  with pytest.raises(OSError, match='disk full'):
    watch(trained, calls, Fails())
  assert calls.calls[-1] == ('abort', 'disk full')
  assert ('end', 1) not in calls.calls


def test_evaluation_and_prediction_have_hooks_too(trained):
  calls = Calls()
  trained.evaluate(linear.eval_input, hooks=[calls])
  assert [name for name, _ in calls.calls].count('after') == 4
  calls = Calls()
  list(trained.predict(linear.eval_input, hooks=[calls]))
  assert [name for name, _ in calls.calls].count('after') == 4


@pytest.mark.parametrize(
  'steps_per_loop, due', [(1, [1, 5, 10, 15]), (4, [4, 8, 12, 16])]
)
def test_a_timer_of_steps(steps_per_loop, due):
  timer, seen = est.Timer(every_n_steps=5), []
  for step in range(steps_per_loop, 18, steps_per_loop):
    if timer.is_due(step):
      timer.mark(step)
      seen.append(step)
  assert seen == due


def test_a_timer_of_seconds():
  timer = est.Timer(every_n_secs=0.05)
  assert timer.is_due(1)
  timer.mark(1)
  assert not timer.is_due(2)
  time.sleep(0.06)
  assert timer.is_due(3)
  assert timer.mark(3)[0] == 2


@pytest.mark.parametrize(
  'arguments, message',
  [
    ((None, None), 'exactly one'),
    ((1, 1.0), 'exactly one'),
    ((0, None), 'must be positive, given: 0'),
    ((None, -1.0), 'must be positive, given: -1'),
  ],
)
def test_a_wrong_timer(arguments, message):
  with pytest.raises(ValueError, match=message):
    est.Timer(*arguments)


@pytest.mark.parametrize('kwargs', [{}, {'num_steps': 1, 'last_step': 2}])
def test_stop_at_step_needs_one_limit(kwargs):
  with pytest.raises(ValueError, match='One of num_steps or last_step'):
    est.StopAtStepHook(**kwargs)


@pytest.mark.parametrize(
  'seconds, ends',
  [(1e9, [1, 6, 12, 18, 20]), (1e-9, list(range(1, 21)))],
  ids=['a step is short', 'a step is long'],
)
def test_a_pace_ends_loops_at_multiples(tmp_path, seconds, ends):
  """Or after each step, if more would take too long."""
  seen = []

  class Ends(est.Hook):
    def after_run(self, run):
      seen.append(run.global_step)

  estimator = linear.make(tmp_path, steps_per_loop=6)
  estimator.train(
    linear.train_input, [est.PaceHook(6, seconds), Ends()], steps=20
  )
  assert seen == ends


@pytest.mark.parametrize('steps_per_loop', [1, 4])
def test_stop_at_step_stops_exactly_there(tmp_path, steps_per_loop):
  estimator = linear.make(tmp_path, steps_per_loop=steps_per_loop)
  estimator.train(linear.train_input, hooks=[est.StopAtStepHook(num_steps=6)])
  assert estimator.get_variable_value('global_step') == 6
  estimator.train(linear.train_input, hooks=[est.StopAtStepHook(last_step=9)])
  assert estimator.get_variable_value('global_step') == 9


def test_logging_takes_scalars_and_named_tensors(trained, caplog):
  caplog.set_level(logging.INFO)
  hook = est.LoggingTensorHook(
    {'rate': 'learning_rate', 'twice': 'twice_the_loss', 'loss': 'loss'},
    every_n_iter=100,
    formatter=lambda values: f'{values["twice"] / values["loss"]:.3f} times',
  )
  watch(trained, hook, steps=2)
  assert '2.000 times' in caplog.text


def test_a_missing_tensor_is_named(tmp_path):
  hook = est.LoggingTensorHook(['nothing'], every_n_iter=1)
  with pytest.raises(ValueError, match="asks for tensor 'nothing'"):
    watch(linear.make(tmp_path), hook)


def test_rates_are_of_the_steps_between(trained):
  class Sink:
    def __init__(self):
      self.rows = []

    def write(self, values, step):
      self.rows.append((step, dict(values)))

    def flush(self):
      pass

  sink = Sink()
  first = trained.get_variable_value('global_step')
  hook = est.ExamplesPerSecondHook(64, every_n_steps=5, warm_steps=3, sink=sink)
  start = time.monotonic()
  watch(trained, hook, est.StepCounterHook(5, sink=sink), steps=20)
  wall = time.monotonic() - start
  rates = [v for _, v in sink.rows if 'average_examples_per_sec' in v]
  counts = [v for _, v in sink.rows if 'global_step/sec' in v]
  assert len(counts) == 4 and len(rates) in (3, 4)
  assert hook.current_examples_per_sec_list == [
    v['current_examples_per_sec'] for v in rates
  ]
  assert all(v['average_examples_per_sec'] > 64 * 20 / wall / 10 for v in rates)
  assert {step % 5 for step, _ in sink.rows} == {0}
  assert first < sink.rows[0][0]


def infinite_model_fn(bad_value, bad_step):
  def model_fn(features, labels, mode, params):
    w = tf.Variable(1.0, name='w')
    step = tf.compat.v1.train.get_global_step()
    loss = tf.where(tf.equal(step, bad_step - 1), bad_value, w)
    summary.scalar('learning_rate', 0.5)
    return est.EstimatorSpec(
      mode,
      loss=loss,
      train_op=optimizers.MomentumOptimizer(0.5, 0.0).minimize(loss * w),
    )

  return model_fn


@pytest.mark.parametrize('bad_value', [float('nan'), float('inf')])
@pytest.mark.parametrize('steps_per_loop', [1, 4])
def test_a_loss_that_is_not_finite_ends_training_before_it_is_saved(
  tmp_path, bad_value, steps_per_loop
):
  estimator = linear.make(
    tmp_path,
    None,
    infinite_model_fn(bad_value, 7),
    steps_per_loop=steps_per_loop,
    save_checkpoints_steps=1,
  )
  with pytest.raises(
    est.NanLossDuringTrainingError,
    match=f'loss = {bad_value} at step 7, learning_rate = 0.5',
  ):
    estimator.train(lambda: tf.zeros([1]), max_steps=20)
  assert estimator.get_variable_value('global_step') == 6 - 6 % steps_per_loop


def test_a_loss_that_is_not_finite_may_just_stop_training(tmp_path, caplog):
  estimator = linear.make(tmp_path, None, infinite_model_fn(float('nan'), 3))
  hook = est.NanTensorHook(fail_on_nan_loss=False)
  estimator.train(lambda: tf.zeros([1]), hooks=[hook], max_steps=5)
  assert estimator.get_variable_value('global_step') == 3
  assert 'Training stops: loss = nan at step 3' in caplog.text


def log_evaluations(estimator, values, name=None):
  for step, value in values:
    estimator.metrics_log.append('eval', step, {'accuracy': value}, name)


@pytest.mark.parametrize(
  'make, values, stops',
  [
    (
      lambda e: est.stop_if_higher_hook(e, 'accuracy', 0.9, run_every_steps=1),
      [(1, 0.8), (2, 0.9)],
      False,
    ),
    (
      lambda e: est.stop_if_higher_hook(e, 'accuracy', 0.9, run_every_steps=1),
      [(1, 0.8), (2, 0.91)],
      True,
    ),
    (
      lambda e: est.stop_if_lower_hook(e, 'accuracy', 0.5, run_every_steps=1),
      [(1, 0.4), (2, 0.9)],
      True,
    ),
    (
      lambda e: est.stop_if_lower_hook(
        e, 'accuracy', 0.5, run_every_steps=1, min_steps=2
      ),
      [(1, 0.4), (2, 0.9)],
      False,
    ),
    (
      lambda e: est.stop_if_no_increase_hook(
        e, 'accuracy', 20, run_every_steps=1
      ),
      [(10, 0.8), (20, 0.7), (29, 0.7)],
      False,
    ),
    (
      lambda e: est.stop_if_no_increase_hook(
        e, 'accuracy', 20, run_every_steps=1
      ),
      [(10, 0.8), (20, 0.7), (30, 0.8)],
      True,
    ),
    (
      lambda e: est.stop_if_no_decrease_hook(
        e, 'accuracy', 20, run_every_steps=1
      ),
      [(10, 0.8), (20, 0.7), (30, 0.8)],
      False,
    ),
    (
      lambda e: est.stop_if_no_decrease_hook(
        e, 'accuracy', 20, run_every_steps=1
      ),
      [(10, 0.8), (20, 0.9), (30, 0.8)],
      True,
    ),
    (
      lambda e: est.stop_if_no_decrease_hook(
        e, 'accuracy', 20, run_every_steps=1
      ),
      [],
      False,
    ),
  ],
)
def test_early_stopping_reads_earlier_evaluations(
  tmp_path, make, values, stops
):
  """Like a restarted run, which has nothing in memory."""
  estimator = linear.make(tmp_path)
  log_evaluations(estimator, values)
  run = est.Run(estimator, est.ModeKeys.TRAIN, 0)
  run.global_step = 1
  make(estimator).after_run(run)
  assert run.stop_requested == stops


def test_early_stopping_ends_training(tmp_path):
  estimator = linear.make(tmp_path)
  log_evaluations(estimator, [(0, 0.95)])
  hook = est.stop_if_higher_hook(estimator, 'accuracy', 0.9, run_every_steps=5)
  estimator.train(linear.train_input, hooks=[hook], max_steps=50)
  assert estimator.get_variable_value('global_step') == 1


def test_early_stopping_names_a_missing_metric(tmp_path):
  estimator = linear.make(tmp_path)
  log_evaluations(estimator, [(0, 0.5)])
  hook = est.stop_if_lower_hook(estimator, 'error', 0.1, run_every_steps=1)
  with pytest.raises(ValueError, match=r"watches 'error', .* \['accuracy'\]"):
    estimator.train(linear.train_input, hooks=[hook], max_steps=5)


def test_a_function_decides_to_stop(tmp_path):
  answers = iter([False, False, True])
  estimator = linear.make(tmp_path)
  hook = est.make_early_stopping_hook(
    estimator, lambda: next(answers), None, run_every_steps=10
  )
  estimator.train(linear.train_input, hooks=[hook], max_steps=50)
  assert estimator.get_variable_value('global_step') == 20
  with pytest.raises(TypeError, match='must be callable, given: 3'):
    est.make_early_stopping_hook(estimator, 3)


def test_a_profile_is_written(trained, tmp_path):
  hook = est.ProfilerHook(save_steps=2, output_dir=str(tmp_path))
  watch(trained, hook, steps=4)
  assert list(tmp_path.glob('plugins/profile/*/*.xplane.pb'))


def test_listeners_see_every_checkpoint_and_may_stop_training(tmp_path):
  calls = []

  class Listener(est.CheckpointSaverListener):
    def begin(self, run):
      calls.append('begin')

    def before_save(self, run, step):
      calls.append(('before', step))

    def after_save(self, run, step):
      calls.append(('after', step))
      return step >= 6

    def end(self, run, step):
      calls.append(('end', step))

  estimator = linear.make(tmp_path, save_checkpoints_steps=3)
  estimator.train(
    linear.train_input, max_steps=20, saving_listeners=[Listener()]
  )
  assert calls == [
    'begin',
    ('before', 0),
    ('after', 0),
    ('before', 3),
    ('after', 3),
    ('before', 6),
    ('after', 6),
    ('end', 6),
  ]


def test_an_interrupt_saves_and_an_error_does_not(tmp_path):
  class Raises(est.Hook):
    def __init__(self, error, at):
      self.error, self.at = error, at

    def after_run(self, run):
      if run.global_step == self.at:
        raise self.error

  estimator = linear.make(tmp_path)
  with pytest.raises(RuntimeError):
    watch(estimator, Raises(RuntimeError('bug'), 3))
  assert estimator.get_variable_value('global_step') == 0
  with pytest.raises(KeyboardInterrupt):
    watch(linear.make(tmp_path), Raises(KeyboardInterrupt(), 5))
  assert estimator.get_variable_value('global_step') == 5


def test_metrics_of_every_step_are_logged_once_over_restarts(tmp_path):
  for stop in (3, 5, 9):
    # The second run saves nothing after step 4, so step 5 has to run again.
    estimator = linear.make(
      tmp_path,
      save_checkpoints_steps=4 if stop == 5 else 1000,
      steps_per_loop=2,
    )
    hooks = [est.MetricsLogHook()]
    estimator.train(linear.train_input, hooks=hooks, max_steps=stop)
  rows = estimator.metrics_log.read('train')
  assert [row['step'] for row in rows] == list(range(1, 10))
  assert all(row['loss'] > 0 for row in rows)


def test_summaries_are_events_of_the_names_given(tmp_path):
  estimator = linear.make(tmp_path, save_summary_steps=4)
  estimator.train(linear.train_input, max_steps=9)
  (path,) = tmp_path.glob('events.out.tfevents.*')
  seen = {}
  for record in tf.data.TFRecordDataset(str(path)):
    event = tf.compat.v1.Event.FromString(record.numpy())
    for value in event.summary.value:
      seen.setdefault(value.tag, []).append(event.step)
  assert seen['loss'] == [1, 4, 8]
  assert seen['learning_rate'] == [1, 4, 8]


@pytest.fixture
def interruptible():
  """A process in the background of a shell would ignore the signal."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize('in_graph', [1, 4])
def test_a_signal_in_a_step_waits_for_its_hooks(
  tmp_path, interruptible, in_graph
):
  """The measurements of the step are written before the run ends."""

  class Signal(est.Hook):
    def before_run(self, run):
      if run.global_step == 8:
        signal.raise_signal(signal.SIGINT)

  estimator = linear.make(tmp_path, steps_per_loop=in_graph)
  with pytest.raises(KeyboardInterrupt):
    estimator.train(
      linear.train_input, [Signal(), est.MetricsLogHook()], steps=20
    )
  end = 8 + in_graph
  logged = [row['step'] for row in estimator.metrics_log.read('train')]
  assert logged == list(range(1, end + 1))
  assert estimator.latest_checkpoint().endswith(f'ckpt-{end}')
  assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_signal_does_not_wait(interruptible):
  done = []
  with pytest.raises(KeyboardInterrupt), interrupts.deferred():
    signal.raise_signal(signal.SIGINT)
    done.append('first')
    signal.raise_signal(signal.SIGINT)
    done.append('second')
  assert done == ['first']
