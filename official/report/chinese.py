"""The Chinese texts of a report, by their English templates."""

TABLE = {
  # Epochs and groups.
  '1 epoch': '1 轮',
  '{number} epochs': '{number} 轮',
  'defaults': '默认设置',
  # The conclusion.
  (
    '{name} classifies {accuracy} % of the test images correctly after '
    '{epochs} (95 % interval {low} to {high}, {basis}).'
  ): (
    '{name}：训练 {epochs}后，测试图像的正确率为 {accuracy} %（95 % 置信区间 '
    '{low} 至 {high}，{basis}）。'
  ),
  'over {count} seeds': '按 {count} 个随机种子计算',
  'over the test images of one run': '按单次运行的测试图像计算',
  (
    '{network}: the accuracies after {long} and after {short} are not '
    'distinguishable: the first minus the second is {difference} percentage '
    'points (95 % interval {low} to {high}).'
  ): (
    '{network}：训练 {long}与 {short}的准确率无法区分：前者减后者为 '
    '{difference} 个百分点（95 % 置信区间 {low} 至 {high}）。'
  ),
  (
    '{network}: training for {long} instead of {short} changes the accuracy '
    'by {difference} percentage points (95 % interval {low} to {high}).'
  ): (
    '{network}：训练 {long}而不是 {short}，准确率变化 {difference} 个百分点（'
    '95 % 置信区间 {low} 至 {high}）。'
  ),
  (
    '{a} and {b} are not compared: they have no evaluations at the same epoch.'
  ): ('{a} 与 {b} 不作比较：两者没有在同一轮的评估。'),
  (
    'After {epochs}, {a} and {b} are not distinguishable: the accuracy of '
    'the first minus that of the second is {difference} percentage points '
    '(95 % interval {low} to {high}).'
  ): (
    '训练 {epochs}后，{a} 与 {b} 无法区分：前者的准确率减后者为 {difference} '
    '个百分点（95 % 置信区间 {low} 至 {high}）。'
  ),
  (
    'After {epochs}, {better} is more accurate than {worse} by {difference} '
    'percentage points (95 % interval {low} to {high}).'
  ): (
    '训练 {epochs}后，{better} 比 {worse} 更准确，高 {difference} 个百分点（'
    '95 % 置信区间 {low} 至 {high}）。'
  ),
  (
    'An epoch of {slow} takes {slow_seconds} s and an epoch of {fast} '
    '{fast_seconds} s: {ratio} times as long (no interval, because that needs '
    'two seeds of each).'
  ): (
    '每轮训练 {slow} 需 {slow_seconds} 秒，{fast} 需 {fast_seconds} 秒：前者'
    '是后者的 {ratio} 倍（没有置信区间：两者都需要至少两个随机种子）。'
  ),
  (
    'The times per epoch are not distinguishable: {slow} takes '
    '{slow_seconds} s and {fast} {fast_seconds} s, {ratio} times as long '
    '(95 % interval {low} to {high}).'
  ): (
    '每轮训练的时间无法区分：{slow} 需 {slow_seconds} 秒，{fast} 需 '
    '{fast_seconds} 秒，前者是后者的 {ratio} 倍（95 % 置信区间 {low} 至 '
    '{high}）。'
  ),
  (
    'An epoch of {slow} takes {slow_seconds} s and an epoch of {fast} '
    '{fast_seconds} s: {ratio} times as long (95 % interval {low} to {high}).'
  ): (
    '每轮训练 {slow} 需 {slow_seconds} 秒，{fast} 需 {fast_seconds} 秒：前者'
    '是后者的 {ratio} 倍（95 % 置信区间 {low} 至 {high}）。'
  ),
  # Plots.
  'epoch': '训练轮数',
  'test accuracy, %': '测试准确率，%',
  'run time, minutes': '运行时间（分钟）',
  'training loss (pale), test cross-entropy (dots)': (
    '训练损失（浅色），测试交叉熵（圆点）'
  ),
  'test cross-entropy': '测试交叉熵',
  'learning rate': '学习率',
  'training time per epoch, s': '每轮训练时间，秒',
  'parameters': '参数量',
  'multiply-adds per image': '每幅图像的乘加次数',
  'test accuracy with 95 % interval, %': '测试准确率及 95 % 置信区间，%',
  'predicted class': '预测类别',
  'true class': '真实类别',
  'confidence': '置信度',
  'accuracy': '准确率',
  'expected calibration error {error} %': '期望校准误差 {error} %',
  '{label}, predicted {prediction}\n{percent} %': (
    '{label}，预测为 {prediction}\n{percent} %'
  ),
  # Headings and captions.
  'Accuracy by epoch': '准确率随轮数的变化',
  'Accuracy by time': '准确率随时间的变化',
  'Loss by epoch': '损失随轮数的变化',
  'Loss by time': '损失随时间的变化',
  'Learning rate': '学习率',
  'Time per epoch': '每轮用时',
  'Accuracy and parameters': '准确率与参数量',
  'Accuracy and multiply-adds': '准确率与乘加次数',
  'Confusion matrix': '混淆矩阵',
  'Calibration': '校准',
  'Most confident mistakes': '最自信的错误',
  'Filters of the first layer': '第一层卷积核',
  'Conclusion': '结论',
  'Results': '结果',
  'Curves': '曲线',
  'Runs': '运行',
  'Settings': '配置',
  'Environment': '环境',
  'Results by class': '各类别的结果',
  '{name}, seed {seed}': '{name}，随机种子 {seed}',
  '{names} on {datasets}': '{names}：{datasets} 上的比较',
  '1 run': '1 次运行',
  '{count} runs': '{count} 次运行',
  (
    '{runs}, {train} training images and {test} test images. All figures and '
    'sentences are computed from the files that the runs wrote.'
  ): (
    '{runs}，{train} 幅训练图像，{test} 幅测试图像。所有数字和结论都由运行写入'
    '的文件计算得出。'
  ),
  (
    'The level of 95 % holds for each interval alone, not for all of them '
    'together. Over several seeds the intervals are Student’s and Welch’s; of '
    'a single run they are Wilson’s and Newcombe’s, over the test images.'
  ): (
    '95 % 只对每个区间单独成立，并非对所有区间同时成立。多个种子时用 Student '
    '与 Welch 区间；单次运行时按测试图像用 Wilson 与 Newcombe 区间。'
  ),
  (
    'Where a row stands for several seeds, the confusion matrix, the '
    'results by class, the calibration, the mistakes and the filters are '
    'those of a single run.'
  ): (
    '如果一行包含多个种子，混淆矩阵、各类别的结果、校准、错误和卷积核均取自其'
    '中一次运行。'
  ),
  # Tables.
  'network': '网络',
  'multiply-adds': '乘加次数',
  'seeds': '随机种子',
  'seed': '随机种子',
  'epochs': '轮数',
  '95 % interval': '95 % 置信区间',
  'cross-entropy': '交叉熵',
  'seconds per epoch': '每轮秒数',
  'class': '类别',
  'precision, %': '精确率，%',
  'recall, %': '召回率，%',
  'F1, %': 'F1，%',
  'images': '图像数',
  'folder': '目录',
  'settings': '配置',
  '{low} to {high}': '{low} 至 {high}',
}
