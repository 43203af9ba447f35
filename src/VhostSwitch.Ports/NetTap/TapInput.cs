using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetTap;

/// <summary>Frames that the host sends by a TAP interface, one read each. Runs on the poll thread that owns it.</summary>
internal sealed unsafe class TapInput : InputQueue
{
    // A frame begins on a cache line, its header right before it.
    private const int FrameOffset = 64;

    // The largest frame, the 16 bytes that a snapshot always reads, and one line more than a multiple of 4096, so that the frames of a burst do not
    // all compete for the same lines of the cache.
    private const int SlotLength = 65536 + 256 + 64;

    // Set up once.
    private readonly byte* _slots;
    private readonly int _descriptor;

    /// <param name="index">The queue's number.</param>
    /// <param name="descriptor">The queue of the interface.</param>
    /// <param name="memory"><see cref="MemoryLength"/> bytes, aligned to a cache line.</param>
    /// <param name="counters">Where to count.</param>
    public TapInput(int index, int descriptor, byte* memory, CounterBlock counters)
        : base(index, counters)
    {
        _descriptor = descriptor;
        _slots = memory;
    }

    /// <summary>The memory it needs, in bytes.</summary>
    public static int MemoryLength => Burst.MaxFrames * SlotLength;

    /// <inheritdoc/>
    public override int KickDescriptor => _descriptor;

    /// <inheritdoc/>
    public override bool NotificationOpen => false;

    /// <inheritdoc/>
    public override void Receive(Burst burst)
    {
        int count = 0;
        for (; count < Burst.MaxFrames; count++)
        {
            byte* data = _slots + (count * SlotLength) + FrameOffset;
            byte* header = data - KernelFrames.HeaderLength;
            // What is not EAGAIN means that the interface is gone, which the control thread sees for itself.
            int read = FrameIo.Read(_descriptor, header, KernelFrames.HeaderLength + Ethernet.MaxFrameLength);
            if (read < KernelFrames.HeaderLength) break;
            KernelFrames.Lend(burst.Frames + count, *(OffloadFields*)header, data, (uint)(read - KernelFrames.HeaderLength));
        }
        burst.Count = count;
    }

    /// <inheritdoc/>
    public override void Return(Burst burst)
    {
    }

    /// <inheritdoc/>
    public override void DecideNotification()
    {
    }

    /// <inheritdoc/>
    // The kernel tells of every frame.
    public override void EnableKicks()
    {
    }

    /// <inheritdoc/>
    public override void DisableKicks()
    {
    }

    /// <inheritdoc/>
    public override bool HasFrames() => FrameIo.IsReadable(_descriptor);
}
