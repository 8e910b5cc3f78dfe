"""What a report says, in Chinese."""

TABLE = {
  # Epochs and groups.
  '1 epoch': '1 轮',
  '{number} epochs': '{number} 轮',
  'defaults': '默认设置',
  # The conclusion.
  (
    '{name}: {accuracy} % of the test images right after {epochs} (95 % '
    'interval {low} to {high}; {how}).'
  ): (
    '{name}：训练 {epochs}后，测试图像的正确率为 {accuracy} %（95 % 置信区间 '
    '{low} 至 {high}；{how}）。'
  ),
  'over {count} seeds': '{count} 个随机种子',
  'one seed, by its test images': '单个随机种子，按测试图像计算',
  (
    '{network}: {long} and {short} are not distinguishable in accuracy: the '
    'difference is {difference} percentage points (95 % interval {low} to '
    '{high}).'
  ): (
    '{network}：训练 {long}与 {short}的准确率无法区分：相差 {difference} 个百'
    '分点（95 % 置信区间 {low} 至 {high}）。'
  ),
  (
    '{network}: {long} in place of {short} change the accuracy by '
    '{difference} percentage points (95 % interval {low} to {high}).'
  ): (
    '{network}：训练 {long}而不是 {short}，准确率变化 {difference} 个百分点（'
    '95 % 置信区间 {low} 至 {high}）。'
  ),
  '{a} and {b} were not evaluated at one epoch, so are not compared.': (
    '{a} 与 {b} 没有在同一轮评估过，因此不作比较。'
  ),
  'After {epochs}': '训练 {epochs}后',
  (
    '{after} {a} and {b} are not distinguishable: the difference of their '
    'accuracies is {difference} percentage points (95 % interval {low} to '
    '{high}).'
  ): (
    '{after}，{a} 与 {b} 无法区分：准确率相差 {difference} 个百分点（95 % 置'
    '信区间 {low} 至 {high}）。'
  ),
  (
    '{after} {better} is more accurate than {worse}, by {difference} '
    'percentage points (95 % interval {low} to {high}).'
  ): (
    '{after}，{better} 比 {worse} 更准确，高 {difference} 个百分点（95 % 置信'
    '区间 {low} 至 {high}）。'
  ),
  (
    'An epoch takes {slow} {slow_seconds} s and {fast} {fast_seconds} s: '
    '{ratio} times as long (one run, so no interval).'
  ): (
    '每轮训练 {slow} 需 {slow_seconds} 秒，{fast} 需 {fast_seconds} 秒：前者'
    '是后者的 {ratio} 倍（只有一次运行，没有置信区间）。'
  ),
  (
    'The times of an epoch are not distinguishable: {slow} {slow_seconds} s, '
    '{fast} {fast_seconds} s, {ratio} times as long (95 % interval {low} to '
    '{high}).'
  ): (
    '每轮训练的时间无法区分：{slow} {slow_seconds} 秒，{fast} {fast_seconds} '
    '秒，前者是后者的 {ratio} 倍（95 % 置信区间 {low} 至 {high}）。'
  ),
  (
    'An epoch takes {slow} {slow_seconds} s and {fast} {fast_seconds} s: '
    '{ratio} times as long (95 % interval {low} to {high}).'
  ): (
    '每轮训练 {slow} 需 {slow_seconds} 秒，{fast} 需 {fast_seconds} 秒：前者'
    '是后者的 {ratio} 倍（95 % 置信区间 {low} 至 {high}）。'
  ),
  # Plots.
  'epoch': '训练轮数',
  'test accuracy, %': '测试准确率，%',
  'minutes at work': '用时（分钟）',
  'pale: training loss, dots: test cross-entropy': (
    '浅色：训练损失；圆点：测试交叉熵'
  ),
  'test cross-entropy': '测试交叉熵',
  'learning rate': '学习率',
  'seconds an epoch of training': '每轮训练秒数',
  'parameters': '参数量',
  'multiply-adds an image': '每幅图像的乘加次数',
  'test accuracy, %, with its 95 % interval': '测试准确率（%）及 95 % 置信区间',
  'taken for': '预测为',
  'is': '实际为',
  'claimed probability': '给出的概率',
  'share that is right': '正确的比例',
  'expected calibration error {error} %': '期望校准误差 {error} %',
  '{label}, taken for {given}\n{percent} %': (
    '{label} 误为 {given}\n{percent} %'
  ),
  # Headings and captions.
  'Accuracy with the epochs': '准确率随轮数的变化',
  'Accuracy with the time': '准确率随时间的变化',
  'Loss with the epochs': '损失随轮数的变化',
  'Loss with the time': '损失随时间的变化',
  'Learning rate': '学习率',
  'Time of an epoch': '每轮用时',
  'Accuracy and size': '准确率与参数量',
  'Accuracy and work': '准确率与计算量',
  'Confusion matrix': '混淆矩阵',
  'Calibration': '校准',
  'The most confident mistakes': '最自信的错误',
  'Filters of the first layer': '第一层卷积核',
  'Conclusion': '结论',
  'Results': '结果',
  'Curves': '曲线',
  'Runs': '运行',
  'Settings': '配置',
  'Environment': '环境',
  'Every class': '各类别',
  '{name}, seed {seed}': '{name}，随机种子 {seed}',
  '{names} on {datasets}': '{names}：{datasets} 上的比较',
  (
    '{runs} runs on {train} training and {test} test images. Every figure '
    'and every sentence is computed from what the runs wrote.'
  ): (
    '{runs} 次运行，{train} 幅训练图像，{test} 幅测试图像。所有数字和结论都由'
    '运行记录计算得出。'
  ),
  (
    'Each interval is of 95 % by itself. Over seeds it is Student’s and '
    'Welch’s; of one run Wilson’s and Newcombe’s, over the test images.'
  ): (
    '每个区间各自为 95 %。多个种子时用 Student 与 Welch 区间；单次运行时按测'
    '试图像用 Wilson 与 Newcombe 区间。'
  ),
  (
    'The confusion matrix, the classes, the calibration, the mistakes and '
    'the filters are of one run, the first.'
  ): ('混淆矩阵、各类别、校准、错误和卷积核均取自第一次运行。'),
  # Tables.
  'network': '网络',
  'multiply-adds': '乘加次数',
  'seeds': '随机种子',
  'seed': '随机种子',
  'epochs': '轮数',
  '95 % interval': '95 % 置信区间',
  'cross-entropy': '交叉熵',
  's an epoch': '每轮秒数',
  'class': '类别',
  'precision, %': '精确率，%',
  'recall, %': '召回率，%',
  'F1, %': 'F1,%',
  'images': '图像数',
  'folder': '目录',
  'settings': '配置',
  '{low} to {high}': '{low} 至 {high}',
}
