package import GuardianCore
import GuardianSQLite

extension Assembly {
    /// What room is kept on the volume.
    var disk: DiskPolicy {
        DiskPolicy(
            firstWatermark: settings.bytes("disk.first_watermark"), secondWatermark: settings.bytes("disk.second_watermark"),
            reserve: settings.bytes("disk.reserve"), lowPriority: settings.integer("disk.low_priority"))
    }

    /// The room where the store lives, and what new work wants of it; nil when it can't be asked.
    package func room() -> DiskRoom? { isStoredInFile ? SQLiteStore.room(storePath: storePath, policy: disk) : nil }
}
