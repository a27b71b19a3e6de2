import Testing

/// What starts the real binary, one test after the other.
@Suite(.serialized) struct ProcessTests {}

/// What has it at work for long: one test after the other too, beside `ProcessTests`, and each half of the time that all take together.
@Suite(.serialized) struct LongProcessTests {}
