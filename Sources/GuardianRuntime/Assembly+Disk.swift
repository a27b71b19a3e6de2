import GuardianSQLite

extension Assembly {
    /// What room is kept on the volume.
    var disk: DiskPolicy {
        DiskPolicy(
            firstWatermark: settings.bytes("disk.first_watermark"), secondWatermark: settings.bytes("disk.second_watermark"),
            reserve: settings.bytes("disk.reserve"), lowPriority: settings.integer("disk.low_priority"))
    }
}
