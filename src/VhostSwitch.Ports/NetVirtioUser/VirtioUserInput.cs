using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Ports.NetVirtioUser;

/// <summary>
/// Frames from a back-end (VIRTIO 1.2, 5.1.6.4), lent where it put them. The back-end can still write them, and is not trusted: the header
/// is copied once and the copy is checked. Runs on the poll thread that owns it.
/// </summary>
internal sealed unsafe class VirtioUserInput : InputQueue
{
    // The parts of a burst: of the largest frame in the smallest buffers, beside others of one part each.
    private const int MaxParts = Burst.MaxFrames + 64;

    // Set up once.
    private readonly ReceiveQueue _queue;
    private readonly int _headerLength;
    private readonly OffloadKinds _maySend;
    private readonly FramePart[] _memory = GC.AllocateArray<FramePart>(MaxParts, pinned: true);
    private readonly FramePart* _parts;

    // What is on loan.
    private int _count;

    /// <param name="index">The queue pair.</param>
    /// <param name="queue">The driver's queue.</param>
    /// <param name="call">Where the back-end tells of frames.</param>
    /// <param name="features">What was negotiated.</param>
    /// <param name="counters">Where to count.</param>
    public VirtioUserInput(int index, ReceiveQueue queue, int call, Features features, CounterBlock counters)
        : base(index, counters)
    {
        _queue = queue;
        _headerLength = NetHeader.LengthFor(features);
        _maySend = DriverOffloads.OfBackEnd(features);
        _parts = (FramePart*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        KickDescriptor = call;
    }

    /// <inheritdoc/>
    public override int KickDescriptor { get; }

    /// <inheritdoc/>
    public override bool NotificationOpen => _queue.KickUndecided;

    /// <inheritdoc/>
    public override void Receive(Burst burst)
    {
        ulong oversized = _queue.Oversized;
        _count = _queue.Receive(new Span<FramePart>(_parts, MaxParts), Burst.MaxFrames);
        int frames = 0, segments = 0;
        for (int i = 0; i < _count; frames++)
        {
            var frame = burst.Frames + frames;
            ref readonly var part = ref _parts[i++];
            frame->Data = part.Data;
            frame->DataLength = frame->Length = (uint)part.Length;
            frame->MoreSegments = 0;
            frame->Output = Frame.Undecided;
            frame->Delivered = false;
            frame->Offload = *(OffloadFields*)(part.Data - _headerLength);
            if (part.More) Join(burst, frame, ref i, ref segments);
            // A buffer is longer than a snapshot.
            else frame->Snapshot = Snapshots.Of(frame->Data, frame->Length);
            Offloads.KeepMeaningful(ref frame->Offload);
            if (frame->Length < Ethernet.HeaderLength) DropRunt(frame);
            else if (!Offloads.AreValid(frame->Offload, frame->Length, _maySend)) frame->Drop(DropReason.BadOffload);
        }
        burst.Count = frames;
        if (_queue.Oversized != oversized) Counters->Drop(DropReason.Oversize, (uint)(_queue.Oversized - oversized));
    }

    /// <inheritdoc/>
    public override void Return(Burst burst)
    {
        ulong kicks = _queue.Kicks;
        _queue.Return(new ReadOnlySpan<FramePart>(_parts, _count));
        _count = 0;
        Counters->Notifications += _queue.Kicks - kicks;
    }

    /// <inheritdoc/>
    public override void DecideNotification()
    {
        if (!_queue.KickUndecided) return;
        ulong kicks = _queue.Kicks;
        _queue.DecideKick();
        Counters->Notifications += _queue.Kicks - kicks;
    }

    /// <inheritdoc/>
    public override void EnableKicks() => _queue.WantCalls(true);

    /// <inheritdoc/>
    public override void DisableKicks() => _queue.WantCalls(false);

    /// <inheritdoc/>
    public override bool HasFrames() => _queue.HasUsed();

    // A frame in several buffers.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Join(Burst burst, Frame* frame, ref int i, ref int segments)
    {
        frame->FirstSegment = (ushort)segments;
        bool more = true;
        while (more)
        {
            ref readonly var part = ref _parts[i++];
            more = part.More;
            burst.Segments[segments++] = new Segment { Data = part.Data, Length = (uint)part.Length };
            frame->Length += (uint)part.Length;
            frame->MoreSegments++;
        }
        frame->Snapshot = default;
        FrameBytes.Read(burst, frame, 0, (byte*)&frame->Snapshot, Math.Min(frame->Length, Ethernet.SnapshotLength));
        if (frame->Length > Ethernet.MaxFrameLength) frame->Drop(DropReason.Oversize);
    }

    private static void DropRunt(Frame* frame)
    {
        frame->Offload = default;
        frame->Drop(DropReason.Runt);
    }
}
