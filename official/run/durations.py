"""Durations as text, without TensorFlow."""


def duration(seconds: float) -> str:
  """Seconds as text, such as `42s`, `9m 40s` or `2h 05m`."""
  seconds = round(seconds)
  if seconds < 60:
    return f'{seconds}s'
  minutes, seconds = divmod(seconds, 60)
  if minutes < 60:
    return f'{minutes}m {seconds:02d}s'
  hours, minutes = divmod(minutes, 60)
  return f'{hours}h {minutes:02d}m'
