using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetAfXdp;

/// <summary>
/// Lends what arrives at a queue of an interface, where the kernel has put it, and gives the places back by the fill ring. Runs on the poll
/// thread that owns it.
/// </summary>
internal sealed unsafe class AfXdpInput : InputQueue
{
    // In place of a place: there is nothing to give back.
    private const ushort NoPlace = ushort.MaxValue;

    // Set up once.
    private readonly AfXdpQueue _queue;
    private readonly int _socket;
    private readonly byte* _memory;
    private readonly XdpRing _receive;
    private readonly XdpRing _fill;

    // Written by the poll thread: our counters of both rings.
    private uint _taken;
    private uint _filled;

    /// <param name="queue">The queue; its fill ring is empty.</param>
    /// <param name="index">Its number on the port.</param>
    /// <param name="counters">Where to count.</param>
    public AfXdpInput(AfXdpQueue queue, int index, CounterBlock counters)
        : base(index, counters)
    {
        _queue = queue;
        _socket = queue.Socket.Descriptor;
        _memory = queue.Memory;
        _receive = queue.Socket.Receive;
        _fill = queue.Socket.Fill;
        for (ushort place = 0; place < AfXdpQueue.ReceivePlaces; place++)
            GiveBack(place);
        XdpRingOrder.PublishProducer(_fill.Producer, _filled);
    }

    /// <inheritdoc/>
    public override int KickDescriptor => _socket;

    /// <inheritdoc/>
    public override bool NotificationOpen => false;

    /// <inheritdoc/>
    public override void Receive(Burst burst)
    {
        uint there = XdpRingOrder.AcquireProducer(_receive.Producer) - _taken;
        if (there == 0)
        {
            burst.Count = 0;
            if (_queue.IsBusyPolled || WantsPlaces()) XdpSocket.WakeReceive(_socket);
            if (_queue.HasUnsent) SendUnsent();
            return;
        }
        int count = (int)Math.Min(there, (uint)Burst.MaxFrames);
        for (int i = 0; i < count; i++)
            Lend(burst.Frames + i, ((XdpDescriptor*)_receive.Entries)[(_taken + (uint)i) & (_receive.Size - 1)]);
        _taken += (uint)count;
        XdpRingOrder.ReleaseConsumer(_receive.Consumer, _taken);
        burst.Count = count;
        if (_queue.HasUnsent) SendUnsent();
    }

    /// <inheritdoc/>
    public override void Return(Burst burst)
    {
        for (int i = 0; i < burst.Count; i++)
            GiveBack(burst.Frames[i].Token);
        XdpRingOrder.PublishProducer(_fill.Producer, _filled);
        if (WantsPlaces()) XdpSocket.WakeReceive(_socket);
    }

    /// <inheritdoc/>
    public override void DecideNotification()
    {
    }

    /// <inheritdoc/>
    public override void EnableKicks()
    {
        // The socket is readable with every frame in any case. An interface that has found no free place must hear of those there are by now.
        if (WantsPlaces()) XdpSocket.WakeReceive(_socket);
    }

    /// <inheritdoc/>
    public override void DisableKicks()
    {
    }

    /// <summary>Looks whether there is work: frames that arrived, or some that the kernel must be told of again.</summary>
    public override bool HasFrames() => XdpRingOrder.AcquireProducer(_receive.Producer) != _taken || _queue.HasUnsent;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Lend(Frame* frame, XdpDescriptor descriptor)
    {
        *frame = default;
        frame->Data = _memory;
        frame->Token = NoPlace;
        ulong place = descriptor.Address / AfXdpQueue.PlaceLength;
        // The kernel does not hand out such places; a fault of its would be a write to memory of others by the next frame that is sent on.
        if (place >= AfXdpQueue.ReceivePlaces)
        {
            frame->Drop(DropReason.Oversize);
            return;
        }
        frame->Token = (ushort)place;
        if (descriptor.Length > AfXdpQueue.PlaceLength - (descriptor.Address % AfXdpQueue.PlaceLength))
        {
            frame->Drop(DropReason.Oversize);
            return;
        }
        frame->DataLength = frame->Length = descriptor.Length;
        if (descriptor.Length < Ethernet.HeaderLength)
        {
            frame->Drop(DropReason.Runt);
            return;
        }
        frame->Data = _memory + descriptor.Address;
        frame->Output = Frame.Undecided;
        if (descriptor.Length >= Ethernet.SnapshotLength)
        {
            frame->Snapshot = Vector128.Load(frame->Data);
            return;
        }
        Vector128<byte> snapshot = default;
        Unsafe.CopyBlockUnaligned(&snapshot, frame->Data, descriptor.Length);
        frame->Snapshot = snapshot;
    }

    // The fill ring has an entry for every place, so it is never full.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void GiveBack(ushort place)
    {
        if (place == NoPlace) return;
        ((ulong*)_fill.Entries)[_filled++ & (_fill.Size - 1)] = (ulong)place * AfXdpQueue.PlaceLength;
    }

    private bool WantsPlaces() => (XdpRingOrder.ReadWish(_fill.Flags) & XdpRing.NeedWakeup) != 0;

    // What is dropped here the output does not hear of; the kernel counts it with the interface.
    private void SendUnsent()
    {
        int error = XdpSocket.WakeTransmit(_socket);
        _queue.HasUnsent = error is Errno.EAGAIN or Errno.ENOBUFS or Errno.EBUSY;
    }
}
