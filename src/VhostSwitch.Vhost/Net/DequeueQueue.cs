using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost.Net;

/// <summary>
/// Frames from a guest: its transmit ring (VIRTIO 1.2, 5.1.6.2) as an input of the switch. A burst reads every descriptor
/// once, checks it, and lends the frames where they lie. Runs on the poll thread that owns the queue.
/// </summary>
/// <typeparam name="TRing">The ring's kind.</typeparam>
/// <typeparam name="TSpace">How addresses are translated.</typeparam>
/// <typeparam name="TLog">Who hears of writes to guest memory.</typeparam>
public sealed unsafe class DequeueQueue<TRing, TSpace, TLog> : InputQueue, IGuestQueue, IAnnouncer
    where TRing : struct, IDeviceRing
    where TSpace : struct, IAddressSpace
    where TLog : struct, IWriteLog
{
    // Set in _announce beside the address.
    private const ulong AnnouncePending = 1UL << 63;

    // Set up once; read by the poll thread.
    private readonly OffloadKinds _maySend;
    private readonly uint _headerLength;
    private readonly bool _readsHeaders;
    private readonly bool _discards;

    // What was taken from the ring and not given back. Private memory.
    private readonly PeekedBuffer[] _memory = GC.AllocateArray<PeekedBuffer>(Burst.MaxFrames, pinned: true);
    private readonly PeekedBuffer* _buffers;

    // Written by the poll thread.
    private TRing _ring;
    private TSpace _space;
    private TLog _log;
    private int _announced;

    // Written by the control thread.
    private CallTarget _call;
    private ulong _announce;

    /// <summary>Takes over a ring that may run.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="space">The addresses of its buffers.</param>
    /// <param name="log">Who hears of writes to guest memory.</param>
    /// <param name="setup">What is known of the device.</param>
    /// <param name="enabled">False for a ring that is started but disabled: its frames are taken and dropped.</param>
    /// <param name="counters">Where to count.</param>
    public DequeueQueue(TRing ring, TSpace space, TLog log, GuestQueueSetup setup, bool enabled, CounterBlock counters)
        : base(setup.RingIndex / 2, counters)
    {
        _buffers = (PeekedBuffer*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        _ring = ring;
        _space = space;
        _log = log;
        _maySend = OffloadFeatures.OfSender(setup.Features);
        _headerLength = (uint)NetHeader.LengthFor(setup.Features);
        _readsHeaders = _maySend != OffloadKinds.None;
        _discards = !enabled;
        _call = new CallTarget(setup.Call);
        RingIndex = setup.RingIndex;
        KickDescriptor = setup.Kick;
        DisableKicks();
    }

    /// <inheritdoc/>
    public int RingIndex { get; }

    /// <inheritdoc/>
    public override bool IsEnabled => !_discards;

    /// <inheritdoc/>
    public RingFault Fault => _ring.Fault;

    /// <inheritdoc/>
    public ulong FaultDetail => _ring.FaultDetail;

    /// <inheritdoc/>
    public uint Base => _ring.Base;

    /// <inheritdoc/>
    public bool Resynchronised { get; init; }

    /// <inheritdoc/>
    public override int KickDescriptor { get; }

    /// <inheritdoc/>
    public override bool NotificationOpen => _ring.CallUndecided;

    /// <inheritdoc/>
    public override void Receive(Burst burst)
    {
        int count = Volatile.Read(ref _announce) == 0 ? 0 : LendAnnouncement(burst);
        int available = _ring.Available(Burst.MaxFrames - count);
        if (available > 0)
        {
            Watch(null, 0);
            burst.Count = Gather(burst, count, available);
            return;
        }
        Watch(_ring.Arrivals(out ushort value), value);
        burst.Count = count;
    }

    /// <inheritdoc/>
    public override void Return(Burst burst)
    {
        int first = _announced;
        int count = burst.Count - first;
        _announced = 0;
        if (count == 0) return;
        _ring.UseBurst(0, _buffers, count);
        _ring.Publish(count, ref _log);
        _log.Flush();
        if (_ring.WantsCall()) Call();
    }

    /// <inheritdoc/>
    public override void DecideNotification()
    {
        if (!_ring.CallUndecided) return;
        if (_ring.WantsCall()) Call();
        else _ring.CallDecided();
    }

    /// <inheritdoc/>
    public override void EnableKicks()
    {
        _ring.EnableKicks(ref _log);
        _log.Flush();
    }

    /// <inheritdoc/>
    public override void DisableKicks()
    {
        _ring.DisableKicks(ref _log);
        _log.Flush();
    }

    /// <inheritdoc/>
    public override bool HasFrames() => Volatile.Read(ref _announce) != 0 || _ring.HasAvailable();

    /// <inheritdoc/>
    public void SetCall(int descriptor) => _call.Descriptor = descriptor;

    /// <inheritdoc/>
    public void Announce(ulong mac) => Volatile.Write(ref _announce, (mac & MacAddress.Mask) | AnnouncePending);

    // Chains of one descriptor are taken many at a time. Behind one that is not, the next few are tried first, so that none is looked at often.
    private int Gather(Burst burst, int first, int available)
    {
        var frames = burst.Frames + first;
        int taken = 0, segments = 0, tried = available;
        while (true)
        {
            tried = Math.Min(tried, available - taken);
            int run = GatherRun(frames + taken, taken, tried);
            taken += run;
            if (taken == available) break;
            if (run == tried)
            {
                tried *= 2;
                continue;
            }
            if (!GatherOther(burst, frames + taken, taken, ref segments)) break;
            if (++taken == available) break;
            tried = 1;
        }
        if (TSpace.Asks && taken < available) LookAhead.Note(ref _ring, ref _space, taken, write: false);
        for (int i = 0; _discards && i < taken; i++)
            frames[i].Drop(DropReason.QueueDisabled);
        return first + taken;
    }

    // Two loops: the first touches only the ring, the second only the frames, so that the loads of frames that lie in the
    // sender's cache are under way all at once.
    private int GatherRun(Frame* frames, int first, int most)
    {
        var buffers = _buffers + first;
        uint headerLength = _headerLength;
        int peeked = _ring.PeekBurst(first, buffers, most), taken = 0;
        for (; taken < peeked; taken++)
        {
            var buffer = buffers + taken;
            uint length = buffer->Descriptor.Length - headerLength;
            byte* data;
            if ((buffer->Descriptor.Flags & (Descriptor.HasNext | Descriptor.Indirect | Descriptor.Write)) != 0
                || buffer->Descriptor.Length < headerLength + Ethernet.SnapshotLength
                || length > Ethernet.MaxFrameLength
                || (data = _space.Translate(buffer->Descriptor.Address, buffer->Descriptor.Length, write: false)) == null)
            {
                break;
            }
            Prefetch.ForReading(data + headerLength);
            Frame.Begin(frames + taken, data + headerLength, length);
            buffer->Written = 0;
        }
        for (int i = 0; i < taken; i++)
            frames[i].Snapshot = Vector128.Load(frames[i].Data);
        if (_readsHeaders) ReadHeaders(frames, taken);
        return taken;
    }

    private void ReadHeaders(Frame* frames, int count)
    {
        for (int i = 0; i < count; i++)
        {
            var frame = frames + i;
            frame->Offload = *(OffloadFields*)(frame->Data - _headerLength);
            CheckOffload(frame);
        }
    }

    private void CheckOffload(Frame* frame)
    {
        Offloads.KeepMeaningful(ref frame->Offload);
        if (frame->Output == Frame.Undecided && !Offloads.AreValid(frame->Offload, frame->Length, _maySend)) frame->Drop(DropReason.BadOffload);
    }

    // A chain of any shape. False when its frame must wait for the next burst, there is none, or the ring is broken.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool GatherOther(Burst burst, Frame* frame, int taken, ref int segments)
    {
        int id = _ring.Peek(taken, out var descriptor);
        if (id < 0) return false;
        _buffers[taken].Id = (uint)id;
        _buffers[taken].Written = 0;
        Frame.Begin(frame, null, 0);
        if (!GatherChain(burst, frame, descriptor, ref segments)) return false;
        if (frame->DataLength >= Ethernet.SnapshotLength) frame->Snapshot = Vector128.Load(frame->Data);
        if (_readsHeaders) CheckOffload(frame);
        return true;
    }

    private bool GatherChain(Burst burst, Frame* frame, Descriptor descriptor, ref int segments)
    {
        var into = burst.Segments + segments;
        int room = Burst.MaxSegments - segments, walked = 0;
        var outcome = ChainReader.Collect(ref _ring, ref _space, descriptor, deviceWrites: false, into, room, ref walked, out int count, out uint length);
        if (outcome is ChainReader.Outcome.Broken or ChainReader.Outcome.Unknown) return false;
        if (outcome == ChainReader.Outcome.NoRoom && segments > 0) return false;
        if (outcome == ChainReader.Outcome.NoRoom)
        {
            frame->Drop(DropReason.Oversize);
            return true;
        }
        if (length < _headerLength)
        {
            _ring.Break(RingFault.ShorterThanHeader, length);
            return false;
        }
        frame->Length = length - _headerLength;
        var cursor = new SegmentCursor(into, count);
        if (_readsHeaders)
        {
            cursor.Read((byte*)&frame->Offload, (uint)sizeof(OffloadFields));
            cursor.Skip(_headerLength - (uint)sizeof(OffloadFields));
        }
        else cursor.Skip(_headerLength);
        if (frame->Length < Ethernet.HeaderLength) frame->Drop(DropReason.Runt);
        else if (frame->Length > Ethernet.MaxFrameLength) frame->Drop(DropReason.Oversize);
        else segments += Lend(burst, frame, into, count, cursor);
        return true;
    }

    // The frame's own bytes begin where the cursor stands. Returns how many segments it keeps.
    private static int Lend(Burst burst, Frame* frame, Segment* segments, int count, SegmentCursor cursor)
    {
        uint leading = cursor.Contiguous;
        frame->Data = cursor.Address;
        frame->DataLength = leading;
        frame->FirstSegment = (ushort)(segments + cursor.Index + 1 - burst.Segments);
        frame->MoreSegments = (ushort)(count - cursor.Index - 1);
        if (leading < Ethernet.SnapshotLength)
        {
            // The first 16 bytes are spread: this is their one reading, and what follows them is lent.
            frame->Snapshot = default;
            cursor.Read((byte*)&frame->Snapshot, Math.Min(frame->Length, Ethernet.SnapshotLength));
        }
        return count;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int LendAnnouncement(Burst burst)
    {
        var frame = burst.Frames;
        *frame = default;
        frame->Data = burst.OwnFrame;
        frame->DataLength = frame->Length = (uint)ReverseArp.Write(new Span<byte>(burst.OwnFrame, Burst.OwnFrameLength), new MacAddress(_announce & MacAddress.Mask));
        frame->Output = Frame.Undecided;
        frame->Snapshot = Vector128.Load(frame->Data);
        Volatile.Write(ref _announce, 0);
        _announced = 1;
        return 1;
    }

    private void Call()
    {
        if (_call.Signal()) Counters->Notifications++;
        _ring.CallDecided();
    }
}
