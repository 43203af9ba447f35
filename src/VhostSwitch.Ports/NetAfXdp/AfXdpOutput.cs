using System.Runtime.CompilerServices;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetAfXdp;

/// <summary>
/// Copies frames into places shared with the kernel, has it send them, and takes the places back by the completion ring. Runs on the poll
/// thread that holds it.
/// </summary>
internal sealed unsafe class AfXdpOutput : OutputQueue
{
    // A wake-up sends 32 frames at most, or drops one: so many in a row before others get their turn.
    private const int MostWakeUps = 64;

    // Set up once.
    private readonly AfXdpQueue _queue;
    private readonly int _socket;
    private readonly byte* _memory;
    private readonly XdpRing _transmit;
    private readonly XdpRing _completion;
    private readonly bool _kernelCopies;

    // Written by whoever holds the queue: our counters of both rings, and the places that are free.
    private readonly uint[] _free = new uint[AfXdpQueue.TransmitPlaces];
    private int _freeCount;
    private uint _sent;
    private uint _completed;
    private bool _open;

    // Written by the control thread; the first by the poll thread as well, when the kernel says that the interface is down.
    private bool _isDown;
    private int _mtu;

    /// <param name="queue">The queue.</param>
    /// <param name="index">Its number on the port.</param>
    /// <param name="counters">Where to count.</param>
    public AfXdpOutput(AfXdpQueue queue, int index, CounterBlock counters)
        : base(index, counters)
    {
        _queue = queue;
        _socket = queue.Socket.Descriptor;
        _memory = queue.Memory;
        _transmit = queue.Socket.Transmit;
        _completion = queue.Socket.Completion;
        _kernelCopies = !queue.Socket.IsZeroCopy;
        while (_freeCount < _free.Length)
            _free[_freeCount] = (uint)(AfXdpQueue.ReceivePlaces + _freeCount++);
    }

    /// <inheritdoc/>
    public override bool NotificationOpen => _open;

    /// <summary>Says what the interface takes. Called by the control thread.</summary>
    /// <param name="isDown">True where it takes nothing.</param>
    /// <param name="mtu">The longest payload of a frame in bytes.</param>
    public void Set(bool isDown, int mtu)
    {
        Volatile.Write(ref _mtu, mtu);
        Volatile.Write(ref _isDown, isDown);
    }

    /// <inheritdoc/>
    public override int Send(Burst burst, ushort* which, int count)
    {
        if (Volatile.Read(ref _isDown))
        {
            Counters->Drop(DropReason.InterfaceDown, (uint)count);
            return count;
        }
        if (_freeCount < count) Reap();
        int mtu = Volatile.Read(ref _mtu);
        uint before = _sent;
        ulong bytes = 0;
        int done = 0;
        for (; done < count; done++)
        {
            var frame = burst.Frames + which[done];
            if (Refusal(frame, mtu) is { } reason)
            {
                Counters->Drop(reason);
                continue;
            }
            if (_freeCount == 0) break;
            ulong address = (ulong)_free[--_freeCount] * AfXdpQueue.PlaceLength;
            FrameBytes.Copy(burst, frame, _memory + address);
            ((XdpDescriptor*)_transmit.Entries)[_sent++ & (_transmit.Size - 1)] = new() { Address = address, Length = frame->Length };
            frame->Delivered = true;
            bytes += frame->Length;
        }
        uint frames = _sent - before;
        if (frames > 0)
        {
            Counters->Frames += frames;
            Counters->Bytes += bytes;
            Counters->Bursts++;
            XdpRingOrder.PublishProducer(_transmit.Producer, _sent);
        }
        // Whether to wake the kernel up is decided without a fence here, so a "no" is asked again; see XdpRingOrder.ReadWish.
        if (frames > 0 || done < count) _open = !WantsWakeUp() || !WakeUp();
        return done;
    }

    /// <inheritdoc/>
    public override void DecideNotification()
    {
        _open = false;
        if (WantsWakeUp()) _queue.HasUnsent = !WakeUp();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static DropReason? Refusal(Frame* frame, int mtu)
    {
        // Finished before by the data plane, which is told so by Takes.
        if (!Offloads.IsFinished(frame->Offload)) return DropReason.OffloadUnsupported;
        int header = Ethernet.HeaderLength + (VlanTag.IsOn(frame) ? VlanTag.Length : 0);
        return frame->Length > AfXdpQueue.PlaceLength || frame->Length > mtu + header ? DropReason.ExceedsMtu : null;
    }

    private void Reap()
    {
        uint there = XdpRingOrder.AcquireProducer(_completion.Producer) - _completed;
        // As many places as were sent can come back at most; more would be a fault of the kernel's.
        there = Math.Min(there, (uint)(_free.Length - _freeCount));
        for (uint i = 0; i < there; i++)
        {
            ulong place = ((ulong*)_completion.Entries)[(_completed + i) & (_completion.Size - 1)] / AfXdpQueue.PlaceLength;
            if (place - AfXdpQueue.ReceivePlaces < AfXdpQueue.TransmitPlaces) _free[_freeCount++] = (uint)place;
        }
        _completed += there;
        if (there > 0) XdpRingOrder.ReleaseConsumer(_completion.Consumer, _completed);
    }

    private bool WantsWakeUp() => (XdpRingOrder.ReadWish(_transmit.Flags) & XdpRing.NeedWakeup) != 0;

    // Returns false where frames are left that the kernel must be told of again.
    private bool WakeUp()
    {
        for (int i = 0; i < MostWakeUps; i++)
        {
            Counters->Notifications++;
            switch (XdpSocket.WakeTransmit(_socket))
            {
                case Errno.EAGAIN or Errno.ENOBUFS:
                    break;
                case Errno.EBUSY:
                    // Copy mode: the interface refused one frame, which the kernel has dropped; others may be left.
                    if (_kernelCopies) Counters->Drop(DropReason.InterfaceRefused);
                    break;
                case Errno.ENETDOWN or Errno.ENXIO:
                    Volatile.Write(ref _isDown, true);
                    return true;
                default:
                    return true;
            }
        }
        return false;
    }
}
