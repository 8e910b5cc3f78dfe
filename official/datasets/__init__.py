"""Sets of images, from their files to batches for a network.

Every set is an `ImageDataset` (image_dataset), which is all that the run loop
knows. `catalog` chooses one by the flags.

The sets:
- mnist: MNIST, which comes with the package, or any set in IDX files.
- cifar10: CIFAR-10 in its binary form.
- cifar10_download_and_extract: the command that downloads it.
- tfds: a set of TensorFlow Datasets, by name or folder.
- imagenet: ImageNet, or other images in its form, in TFRecords.
- image_folder: images of your own, one folder for each class.
- synthetic: random images with the shapes and counts of another set.
- in_memory: any arrays of images and labels (arrays), kept in memory.

From files to batches:
- example_order: which example each replica takes at each step.
- imagenet_files: the TFRecord files of ImageNet.
- imagenet_examples: the serialized examples of ImageNet.
- labelled_files: image files with labels, in one folder for each class.
- photographs: batches of photographs that are decoded when they are needed.
- records: the original's pipeline over records, `process_record_dataset`.

From pixels to what a network gets:
- preprocessing: the preprocessing and augmentation of MNIST and CIFAR-10.
- augmentation: random changes of a batch of images.
- imagenet_preprocessing: the original's crops and colours for photographs.

What may be wrong with data:
- bad_examples: examples that cannot be used, up to a limit.
- image_formats: how image files are named and how they begin.
- limits: what is too large to be read.

The packages below: `files` finds and inspects files, mostly without TensorFlow;
`decoding` turns encoded images into pixels, in TensorFlow's graph.
"""
