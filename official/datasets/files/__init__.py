"""Files of data on disk: which are there, which are used, what is wrong.

- inventory: every file of a folder, as used, unusable or left out.
- file_kinds: files and folders that are not data, recognized by their names.
- names: names of files as they are printed.
- class_folders: one folder of images for each class, `train/cat/1.jpg`.
- split_folders: the folders to train and to test on.
- class_splits: classes of images divided into training and test images.
- image_search: the images below a folder.
- image_headers: what the first bytes of a file say about the image in it.
- shards: sets of numbered files, `train-00000-of-00004`.
- idx: IDX files, the format of MNIST.
- tfrecords: TFRecord files.

All but `tfrecords` work without TensorFlow, so that a command can refuse a
folder at once.
"""
