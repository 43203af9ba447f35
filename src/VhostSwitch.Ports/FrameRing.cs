using System.Numerics;
using System.Runtime.InteropServices;
using VhostSwitch.Linux;

namespace VhostSwitch.Ports;

/// <summary>
/// Frames on their way from one thread to another, copied into memory of the switch. One thread at a time adds, one takes, and neither
/// ever waits for the other. The memory is a circle of bytes: short frames take little of it, and every frame lies in one piece.
/// </summary>
internal sealed unsafe class FrameRing : IDisposable
{
    /// <summary>
    /// The least capacity in bytes: twice the longest frame, rounded up. A frame that does not fit before the end of the memory leaves a gap
    /// there that may be nearly as long as itself.
    /// </summary>
    public const uint LeastCapacity = 1 << 18;

    // Records begin at whole cache lines, so that no two threads write one.
    private const uint Unit = 64;

    // Set up once.
    private readonly MemoryMapping _memory;
    private readonly FileDescriptor _wake = EventFd.Create();
    private readonly Indexes* _indexes;
    private readonly byte* _records;
    private readonly ulong _capacity;

    // The adding side's: where the next record goes, and what it last saw of the other side.
    private ulong _added;
    private ulong _releasedSeen;

    // The taking side's.
    private ulong _taken;
    private ulong _writtenSeen;

    /// <summary>Makes an empty ring.</summary>
    /// <param name="memory">Where it takes its memory from.</param>
    /// <param name="capacity">Bytes for records: a power of two, at least <see cref="LeastCapacity"/>.</param>
    /// <exception cref="LinuxException">There is not enough memory, or no descriptor left.</exception>
    public FrameRing(FrameMemory memory, uint capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, LeastCapacity);
        if (!BitOperations.IsPow2(capacity)) throw new ArgumentException("is no power of two", nameof(capacity));
        _capacity = capacity;
        _memory = memory.Take(capacity + (nuint)sizeof(Indexes));
        // The records first: they begin at a page.
        _records = _memory.Address;
        _indexes = (Indexes*)(_memory.Address + capacity);
    }

    /// <summary>An eventfd that is raised when frames were added after <see cref="AskForWake"/>.</summary>
    public int WakeDescriptor => _wake.Number;

    /// <summary>
    /// True while the taking side has asked to be woken. Seen without a fence, a "no" may be an old one (docs/decisions/001-barriers.md).
    /// </summary>
    public bool WakeIsAskedFor => Volatile.Read(ref _indexes->WakeAsked) != 0;

    /// <summary>Adding side: makes room for a frame. It is not seen before <see cref="Publish"/>.</summary>
    /// <param name="stored">How many of the frame's bytes will lie in the ring.</param>
    /// <returns>The record with <see cref="FrameRecord.Stored"/> set, to be filled whole; null where there is no room now.</returns>
    public FrameRecord* TryAdd(uint stored)
    {
        ulong at = _added & (_capacity - 1);
        ulong needed = Needed(stored), gap = needed > _capacity - at ? _capacity - at : 0;
        if (_added + gap + needed - _releasedSeen > _capacity)
        {
            _releasedSeen = Volatile.Read(ref _indexes->Released);
            if (_added + gap + needed - _releasedSeen > _capacity) return null;
        }
        if (gap != 0)
        {
            ((FrameRecord*)(_records + at))->Stored = FrameRecord.Gap;
            at = 0;
        }
        _added += gap + needed;
        var record = (FrameRecord*)(_records + at);
        record->Stored = stored;
        return record;
    }

    /// <summary>Adding side: shows what was added to the other side, and wakes it where it asks for that.</summary>
    /// <returns>True where it was woken. Otherwise it may have asked meanwhile: <see cref="WakeIfAskedFor"/> must follow behind a fence.</returns>
    public bool Publish()
    {
        Volatile.Write(ref _indexes->Written, _added);
        return WakeIfAskedFor();
    }

    /// <summary>Adding side: wakes the other side where it asks for that.</summary>
    /// <returns>True where it was woken.</returns>
    public bool WakeIfAskedFor()
    {
        if (!WakeIsAskedFor) return false;
        // One wake answers one wish. Taken back before the signal, so that a wish that this hides is answered by the signal as well.
        Volatile.Write(ref _indexes->WakeAsked, 0);
        EventFd.Signal(WakeDescriptor);
        return true;
    }

    /// <summary>Taking side: the next frame in order. It stays where it is until <see cref="Release"/>.</summary>
    /// <returns>Its record; null where there is none.</returns>
    public FrameRecord* TryTake()
    {
        if (_taken == _writtenSeen)
        {
            _writtenSeen = Volatile.Read(ref _indexes->Written);
            if (_taken == _writtenSeen) return null;
        }
        ulong at = _taken & (_capacity - 1);
        var record = (FrameRecord*)(_records + at);
        if (record->Stored == FrameRecord.Gap)
        {
            // A gap and the record behind it are published together.
            _taken += _capacity - at;
            record = (FrameRecord*)_records;
        }
        _taken += Needed(record->Stored);
        return record;
    }

    /// <summary>Taking side: gives back the memory of every frame taken so far.</summary>
    public void Release() => Volatile.Write(ref _indexes->Released, _taken);

    /// <summary>Taking side: looks whether there is a frame to take.</summary>
    public bool HasFrames() => _taken != Volatile.Read(ref _indexes->Written);

    /// <summary>Taking side: asks to be woken with the next frame. A fence and <see cref="HasFrames"/> must follow.</summary>
    public void AskForWake() => Volatile.Write(ref _indexes->WakeAsked, 1);

    /// <summary>Taking side: asks not to be woken.</summary>
    public void StopAsking() => Volatile.Write(ref _indexes->WakeAsked, 0);

    /// <summary>Wakes the other side whether it asked or not.</summary>
    public void Wake() => EventFd.Signal(WakeDescriptor);

    /// <inheritdoc/>
    public void Dispose()
    {
        _wake.Dispose();
        _memory.Dispose();
    }

    private static ulong Needed(uint stored) => ((ulong)sizeof(FrameRecord) + stored + Unit - 1) & ~(ulong)(Unit - 1);

    /// <summary>What the two sides share, two cache lines apart since processors fetch them in pairs. In bytes since the ring was made.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Indexes
    {
        /// <summary>Written by the adding side.</summary>
        [FieldOffset(0)] public ulong Written;

        /// <summary>Written by the taking side.</summary>
        [FieldOffset(128)] public ulong Released;

        /// <summary>Set by the taking side, cleared by both.</summary>
        [FieldOffset(256)] public int WakeAsked;
    }
}
