using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetAfPacket;

/// <summary>
/// Lends the frames that the kernel has put into the ring of a packet socket, and gives their slots back with the loan. Runs on the poll thread
/// that owns it.
/// </summary>
internal sealed unsafe class AfPacketInput : InputQueue
{
    // Slots looked at for one burst: frames that this host sent are passed over, and must not keep the thread here.
    private const int MostSlots = 4 * Burst.MaxFrames;

    private const int TagLength = 4;
    private const int AddressesLength = 12;

    // Set up once.
    private readonly PacketRing _ring;

    // Written by the control thread.
    private uint _overruns;

    // Written by the poll thread.
    private int _next;
    private uint _overrunsCounted;

    /// <param name="index">The queue's number.</param>
    /// <param name="socket">Where the frames arrive.</param>
    /// <param name="counters">Where to count.</param>
    public AfPacketInput(int index, PacketSocket socket, CounterBlock counters)
        : base(index, counters)
    {
        _ring = socket.Ring;
        KickDescriptor = socket.Descriptor;
    }

    /// <inheritdoc/>
    public override int KickDescriptor { get; }

    /// <inheritdoc/>
    public override bool NotificationOpen => false;

    /// <summary>Adds frames that found no free slot. Called by the control thread.</summary>
    /// <param name="count">How many.</param>
    public void AddOverruns(uint count) => Volatile.Write(ref _overruns, _overruns + count);

    /// <inheritdoc/>
    public override void Receive(Burst burst)
    {
        if (Volatile.Read(ref _overruns) != _overrunsCounted) CountOverruns();
        int count = 0;
        for (int looked = 0; looked < MostSlots && count < Burst.MaxFrames && _ring.IsFilled(_next); looked++)
        {
            int slot = _next;
            _next = slot + 1 == _ring.Count ? 0 : slot + 1;
            if (Lend(burst.Frames + count, slot)) count++;
            else _ring.GiveBack(slot);
        }
        burst.Count = count;
    }

    /// <inheritdoc/>
    public override void Return(Burst burst)
    {
        for (int i = 0; i < burst.Count; i++)
            _ring.GiveBack(burst.Frames[i].Token);
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
    public override bool HasFrames() => _ring.IsFilled(_next);

    // False where the slot holds no frame for the switch.
    private bool Lend(Frame* frame, int slot)
    {
        var packet = _ring[slot];
        // Kernels that know no PACKET_IGNORE_OUTGOING for a group show what the host itself sends.
        if (packet.IsOutgoing) return false;
        uint offset = packet.Offset, length = packet.Length;
        if (offset < KernelFrames.HeaderLength + TagLength || offset > _ring.SlotSize - Ethernet.SnapshotLength || length > _ring.SlotSize - offset)
        {
            Counters->Drop(DropReason.InterfaceRefused);
            return false;
        }
        byte* data = _ring.AddressOf(slot) + offset;
        frame->Token = (ushort)slot;
        KernelFrames.Lend(frame, *(OffloadFields*)(data - KernelFrames.HeaderLength), data, length);
        // The kernel cut off what did not fit into the slot.
        if (packet.FullLength > length || length > Ethernet.MaxFrameLength) frame->Drop(DropReason.Oversize);
        else if (packet.HasTag && frame->Output == Frame.Undecided) PutTagBack(frame, packet.TagType, packet.TagControl);
        return true;
    }

    // The four bytes before the frame are those of the header, which is read already.
    private static void PutTagBack(Frame* frame, ushort type, ushort control)
    {
        byte* data = frame->Data - TagLength;
        var snapshot = frame->Snapshot.AsUInt32().WithElement(AddressesLength / sizeof(uint), Ethernet.Tag(type, control)).AsByte();
        snapshot.Store(data);
        frame->Snapshot = snapshot;
        frame->Data = data;
        frame->DataLength = frame->Length += TagLength;
        if (frame->Offload.Flags != 0) frame->Offload.CsumStart += TagLength;
        if (frame->Offload.GsoType != OffloadFields.GsoNone)
            frame->Offload.HdrLen = (ushort)Math.Min(frame->Offload.HdrLen + TagLength, ushort.MaxValue);
    }

    private void CountOverruns()
    {
        uint overruns = Volatile.Read(ref _overruns);
        Counters->Drop(DropReason.InterfaceOverrun, overruns - _overrunsCounted);
        _overrunsCounted = overruns;
    }
}
