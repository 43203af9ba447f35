using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Ports.NetVirtioUser;

/// <summary>
/// Frames to a back-end (VIRTIO 1.2, 5.1.6.2): each is copied once into transmit buffers of our own. A burst first writes all headers, then
/// copies, as the queues of guests do. Any poll thread, one at a time.
/// </summary>
internal sealed unsafe class VirtioUserOutput : OutputQueue
{
    // Of a burst: the largest frames in the smallest buffers.
    private const int MaxPartsOfFrame = (Ethernet.MaxFrameLength / (VirtioUserOptions.BufferUnit - NetHeader.Size)) + 1;
    private const int MaxParts = Burst.MaxFrames * MaxPartsOfFrame;

    // Not a reason to drop a frame.
    private const int Fits = -1;

    // Set up once.
    private readonly TransmitQueue _queue;
    private readonly int _headerLength;
    private readonly uint _capacity;
    private readonly int _mostParts;
    private readonly FramePart[] _memory = GC.AllocateArray<FramePart>(MaxParts, pinned: true);
    private readonly FramePart* _parts;

    /// <param name="index">The queue pair.</param>
    /// <param name="queue">The driver's queue.</param>
    /// <param name="buffers">How many buffers it has.</param>
    /// <param name="features">What was negotiated.</param>
    /// <param name="counters">Where to count.</param>
    public VirtioUserOutput(int index, TransmitQueue queue, int buffers, Features features, CounterBlock counters)
        : base(index, counters)
    {
        _queue = queue;
        _headerLength = NetHeader.LengthFor(features);
        _capacity = (uint)(VirtioUserOptions.BufferUnit - _headerLength);
        _mostParts = Math.Min(MaxPartsOfFrame, buffers);
        _parts = (FramePart*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        Takes = DriverOffloads.OfDriver(features);
    }

    /// <inheritdoc/>
    public override OffloadKinds Takes { get; }

    /// <inheritdoc/>
    public override uint LongestFrame => _capacity * (uint)_mostParts;

    /// <inheritdoc/>
    public override bool NotificationOpen => _queue.KickUndecided;

    /// <inheritdoc/>
    public override int Send(Burst burst, ushort* which, int count)
    {
        var slots = stackalloc Slot[Burst.MaxFrames];
        int lent = _queue.Borrow(new Span<FramePart>(_parts, PartsOf(burst, which, count)));
        if (_queue.IsBroken)
        {
            Counters->Drop(DropReason.ReceiverBroken, (uint)count);
            return count;
        }
        int handled = 0, used = 0, frames = 0;
        for (; handled < count; handled++)
        {
            var frame = burst.Frames + which[handled];
            if (Refuse(frame) is var reason and not Fits)
            {
                Counters->Drop((DropReason)reason);
                continue;
            }
            int parts = PartsOf(frame);
            if (used + parts > lent) break;
            // The number of buffers behind these fields is 0 in all of them and stays so (5.1.6.2.1).
            *(OffloadFields*)(_parts[used].Data - _headerLength) = frame->Offload;
            slots[frames++] = new Slot { Frame = frame, First = used, Parts = parts };
            used += parts;
        }
        if (frames > 0) Copy(burst, slots, frames, used);
        if (used < lent) _queue.Return(new ReadOnlySpan<FramePart>(_parts + used, lent - used));
        return handled;
    }

    /// <inheritdoc/>
    public override void DecideNotification()
    {
        if (!_queue.KickUndecided) return;
        ulong kicks = _queue.Kicks;
        _queue.DecideKick();
        Counters->Notifications += _queue.Kicks - kicks;
    }

    private int Refuse(Frame* frame)
    {
        if (!Offloads.Takes(Takes, frame->Offload)) return (int)DropReason.OffloadUnsupported;
        return frame->Length > LongestFrame ? (int)DropReason.ReceiverBufferTooSmall : Fits;
    }

    private int PartsOf(Frame* frame) => frame->Length <= _capacity ? 1 : (int)((frame->Length + _capacity - 1) / _capacity);

    private int PartsOf(Burst burst, ushort* which, int count)
    {
        int parts = 0;
        for (int i = 0; i < count; i++)
        {
            var frame = burst.Frames + which[i];
            if (Refuse(frame) == Fits) parts += PartsOf(frame);
        }
        return parts;
    }

    private void Copy(Burst burst, Slot* slots, int frames, int used)
    {
        ulong bytes = 0;
        for (int i = 0; i < frames; i++)
        {
            ref readonly var slot = ref slots[i];
            if (slot.Parts == 1)
            {
                FrameBytes.Copy(burst, slot.Frame, _parts[slot.First].Data);
                _parts[slot.First].Length = (int)slot.Frame->Length;
            }
            else Divide(burst, slot);
            slot.Frame->Delivered = true;
            bytes += slot.Frame->Length;
        }
        // A ring has as many descriptors as there are buffers: what was lent finds room.
        ulong kicks = _queue.Kicks;
        _queue.Send(new ReadOnlySpan<FramePart>(_parts, used));
        Counters->Notifications += _queue.Kicks - kicks;
        Counters->Frames += (ulong)frames;
        Counters->Bytes += bytes;
        Counters->Bursts++;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Divide(Burst burst, in Slot slot)
    {
        uint offset = 0;
        for (int i = 0; i < slot.Parts; i++)
        {
            ref var part = ref _parts[slot.First + i];
            uint length = Math.Min(_capacity, slot.Frame->Length - offset);
            uint known = i == 0 ? Ethernet.SnapshotLength : 0u;
            if (i == 0) slot.Frame->Snapshot.Store(part.Data);
            FrameBytes.Read(burst, slot.Frame, offset + known, part.Data + known, length - known);
            part.Length = (int)length;
            part.More = i < slot.Parts - 1;
            offset += length;
        }
    }

    private struct Slot
    {
        public Frame* Frame;
        public int First;
        public int Parts;
    }
}
