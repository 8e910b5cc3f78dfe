"""Prints parameters and multiply-adds of every network beside published ones.

python -m tests.print_parameter_counts
"""

from tests import networks


def main():
  print(f'{"network":32}{"trainable":>12}{"all":>12}{"multiply-adds":>16}')
  for name, expected in networks.COUNTS.items():
    found = networks.count_parameters(expected.model, expected.image_size)
    published = (expected.trainable, expected.total, expected.multiply_adds)
    print(
      f'{name:32}{found[0]:>12,}{found[1]:>12,}{found[2]:>16,}  '
      + ('as published' if found == published else f'PUBLISHED: {published}')
    )


if __name__ == '__main__':
  main()
