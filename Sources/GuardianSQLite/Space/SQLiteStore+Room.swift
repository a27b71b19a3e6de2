public import GuardianCore

extension SQLiteStore {
    /// The room for the store at `path`, which need not be there, under `policy`; nil when the volume can't be asked.
    public static func room(storePath path: String, policy: DiskPolicy) -> DiskRoom? {
        let directory = Disk.directory(of: path)
        guard let free = Disk.freeBytes(at: directory) else { return nil }
        let limits = policy.limits(volume: Disk.volumeBytes(at: directory))
        return DiskRoom(
            freeBytes: free, reservedBytes: Reserve(storePath: path).held, firstWatermark: limits.first, secondWatermark: limits.second,
            lowPriority: policy.lowPriority)
    }
}
