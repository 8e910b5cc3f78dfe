"""Prints the parameters of every network beside the published numbers.

python -m tests.print_parameter_counts
"""

from tests import networks


def main():
  print(f'{"network":32}{"trainable":>12}{"all":>12}')
  for name, expected in networks.COUNTS.items():
    found = networks.count_parameters(expected.model, expected.image_size)
    equal = found == (expected.trainable, expected.total)
    print(
      f'{name:32}{found[0]:>12,}{found[1]:>12,}  '
      + ('as published' if equal else f'PUBLISHED: {expected.trainable:,}')
    )


if __name__ == '__main__':
  main()
