import GuardianCore
import GuardianSQLite

/// Notes beside the store that something in it could not be read: the next start looks at all of it, and sets it aside if it is damaged.
struct SuspicionSink: EventSink {
    let path: String

    func record(_ event: Event, at time: Timestamp) {
        if case .storeError(.corrupt) = event { StoreFiles(path: path).suspect() }
    }
}
