using System.Runtime.InteropServices;
using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.User;

/// <summary>
/// Turns the messages of vhost-user into requests to a <see cref="Device"/>. For every message a row says how long it is, how
/// many descriptors it has and which protocol feature it needs, so that nothing reaches a handler unchecked.
/// </summary>
public sealed class RequestHandler
{
    private readonly Device _device;
    private readonly Action<FileDescriptor> _takeBackEndSocket;
    private readonly Dictionary<FrontEndRequest, Row> _rows;
    private byte[] _reply = [];

    /// <summary>Handles the messages for one device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="takeBackEndSocket">Takes the socket on which the back-end may ask; throws when it is none.</param>
    public RequestHandler(Device device, Action<FileDescriptor> takeBackEndSocket)
    {
        _device = device;
        _takeBackEndSocket = takeBackEndSocket;
        const ProtocolFeatures Always = ProtocolFeatures.None;
        const int Number = sizeof(ulong);
        const int State = 8;
        _rows = new()
        {
            [FrontEndRequest.GetFeatures] = new("GET_FEATURES", 0, 0, Always, _ => Reply((ulong)_device.OfferedFeatures)),
            [FrontEndRequest.SetFeatures] = new("SET_FEATURES", Number, 0, Always, m => _device.SetFeatures((Virtio.Features)m.Number)),
            [FrontEndRequest.SetOwner] = new("SET_OWNER", 0, 0, Always, _ => { }),
            [FrontEndRequest.ResetOwner] = new("RESET_OWNER", 0, 0, Always, _ => _device.ResetOwner()),
            [FrontEndRequest.SetMemTable] = new("SET_MEM_TABLE", Row.AnySize, Row.AnyCount, Always, SetMemTable),
            [FrontEndRequest.SetLogBase] = new("SET_LOG_BASE", 16, 1, ProtocolFeatures.LogShmfd, SetLogBase),
            [FrontEndRequest.SetVringNum] = new("SET_VRING_NUM", State, 0, Always, m => _device.SetRingSize(m.State.Index, m.State.Num)),
            [FrontEndRequest.SetVringAddr] = new("SET_VRING_ADDR", 40, 0, Always, SetVringAddr),
            [FrontEndRequest.SetVringBase] = new("SET_VRING_BASE", State, 0, Always, m => _device.SetRingBase(m.State.Index, m.State.Num)),
            [FrontEndRequest.GetVringBase] = new("GET_VRING_BASE", State, 0, Always, GetVringBase),
            [FrontEndRequest.SetVringKick] = new("SET_VRING_KICK", Number, Row.OneUnlessFlagged, Always, m => _device.SetRingKick(m.RingOfDescriptor, m.TakeEventFd())),
            [FrontEndRequest.SetVringCall] = new("SET_VRING_CALL", Number, Row.OneUnlessFlagged, Always, m => _device.SetRingCall(m.RingOfDescriptor, m.TakeEventFd())),
            [FrontEndRequest.SetVringErr] = new("SET_VRING_ERR", Number, Row.OneUnlessFlagged, Always, m => _device.SetRingError(m.RingOfDescriptor, m.TakeEventFd())),
            [FrontEndRequest.GetProtocolFeatures] = new("GET_PROTOCOL_FEATURES", 0, 0, Always, _ => Reply((ulong)_device.OfferedProtocolFeatures)),
            [FrontEndRequest.SetProtocolFeatures] = new("SET_PROTOCOL_FEATURES", Number, 0, Always, m => _device.SetProtocolFeatures((ProtocolFeatures)m.Number)),
            [FrontEndRequest.GetQueueNum] = new("GET_QUEUE_NUM", 0, 0, ProtocolFeatures.Mq, _ => Reply((ulong)_device.MaxQueuePairs)),
            [FrontEndRequest.SetVringEnable] = new("SET_VRING_ENABLE", State, 0, Always, m => _device.SetRingEnabled(m.State.Index, m.State.Num)),
            [FrontEndRequest.SendRarp] = new("SEND_RARP", Number, 0, ProtocolFeatures.Rarp, m => _device.SendRarp(m.Number)),
            [FrontEndRequest.NetSetMtu] = new("NET_SET_MTU", Number, 0, ProtocolFeatures.NetMtu, m => _device.SetMtu(m.Number)),
            [FrontEndRequest.SetBackendReqFd] = new("SET_BACKEND_REQ_FD", 0, 1, ProtocolFeatures.BackendReq, SetBackEndSocket),
            [FrontEndRequest.Iotlb] = new("IOTLB_MSG", IotlbPayload.Length, 0, ProtocolFeatures.BackendReq, ChangeIotlb),
            [FrontEndRequest.PostcopyAdvise] = new("POSTCOPY_ADVISE", 0, 0, ProtocolFeatures.Pagefault, _ => ReplyDescriptor = _device.AdvisePostcopy()),
            [FrontEndRequest.PostcopyListen] = new("POSTCOPY_LISTEN", 0, 0, ProtocolFeatures.Pagefault, _ => _device.ListenPostcopy()),
            [FrontEndRequest.PostcopyEnd] = new("POSTCOPY_END", 0, 0, ProtocolFeatures.Pagefault, EndPostcopy),
            [FrontEndRequest.GetInflightFd] = new("GET_INFLIGHT_FD", InflightPayload.Length, 0, ProtocolFeatures.InflightShmfd, GetInflight),
            [FrontEndRequest.SetInflightFd] = new("SET_INFLIGHT_FD", InflightPayload.Length, 1, ProtocolFeatures.InflightShmfd, SetInflight),
            [FrontEndRequest.ResetDevice] = new("RESET_DEVICE", 0, 0, ProtocolFeatures.ResetDevice, _ => _device.Reset()),
            [FrontEndRequest.GetMaxMemSlots] = new("GET_MAX_MEM_SLOTS", 0, 0, ProtocolFeatures.ConfigureMemSlots, _ => Reply(MemoryTable.MaxSlots)),
            [FrontEndRequest.AddMemReg] = new("ADD_MEM_REG", 40, 1, ProtocolFeatures.ConfigureMemSlots, m => _device.SetMemory(_device.Memory.With(m.SingleRegion, m.Descriptors[0]))),
            // The specification sends no descriptor here; QEMU's older versions send one all the same. It is closed unused.
            [FrontEndRequest.RemMemReg] = new("REM_MEM_REG", 40, Row.AtMostOne, ProtocolFeatures.ConfigureMemSlots, m => _device.SetMemory(_device.Memory.Without(m.SingleRegion))),
            [FrontEndRequest.SetStatus] = new("SET_STATUS", Number, 0, ProtocolFeatures.Status, m => _device.SetStatus(m.Number)),
            [FrontEndRequest.GetStatus] = new("GET_STATUS", 0, 0, ProtocolFeatures.Status, _ => Reply(_device.Status)),
        };
    }

    /// <summary>The descriptor that goes with the last message's reply; null for none. Stays the device's.</summary>
    public int? ReplyDescriptor { get; private set; }

    /// <summary>Carries out one message.</summary>
    /// <param name="request">The message's number.</param>
    /// <param name="payload">Its payload.</param>
    /// <param name="descriptors">Its descriptors; those that the device keeps are taken out, the rest stays the caller's.</param>
    /// <returns>The payload of the message's own reply; empty where it has none.</returns>
    /// <exception cref="VhostException">The message is unknown, malformed, or refused by the device.</exception>
    public ReadOnlySpan<byte> Handle(FrontEndRequest request, ReadOnlySpan<byte> payload, List<FileDescriptor> descriptors)
    {
        if (!_rows.TryGetValue(request, out var row)) throw new VhostException($"message {(uint)request} is not known here");
        if (row.Needs != ProtocolFeatures.None && (_device.ProtocolFeatures & row.Needs) == 0)
            throw new VhostException($"{row.Name} without the protocol feature {ProtocolFeatureNames.Of(row.Needs)[0]}");
        if (row.Size != Row.AnySize && payload.Length != row.Size)
            throw new VhostException($"{row.Name} with {payload.Length} bytes of payload; it has {row.Size}");
        row.CheckDescriptors(payload, descriptors.Count);
        _reply = [];
        ReplyDescriptor = null;
        row.Handle(new Message(row.Name, payload, descriptors));
        return _reply;
    }

    private void SetMemTable(Message message)
    {
        const int Prefix = 8;
        const int RegionSize = 32;
        if (_device.AwaitsConfirmation && message.Payload.Length == Prefix && message.Descriptors.Count == 0)
        {
            _device.ConfirmMemory();
            return;
        }
        if (message.Payload.Length < Prefix) throw new VhostException("SET_MEM_TABLE without a table");
        uint count = MemoryMarshal.Read<uint>(message.Payload);
        if (count > MemoryTable.MaxTableRegions) throw new VhostException($"SET_MEM_TABLE with {count} regions; {MemoryTable.MaxTableRegions} are the most");
        if (message.Payload.Length < Prefix + (RegionSize * (int)count)) throw new VhostException($"SET_MEM_TABLE with {count} regions in {message.Payload.Length} bytes");
        if (message.Descriptors.Count != count)
        {
            throw new VhostException(message.Descriptors.Count == 0
                ? $"the memory is not shared: {count} regions came without a file; start QEMU with a memory-backend that has share=on"
                : $"SET_MEM_TABLE with {count} regions and {message.Descriptors.Count} files");
        }
        var regions = MemoryMarshal.Cast<byte, MemoryRegionPayload>(message.Payload.Slice(Prefix, RegionSize * (int)count));
        var descriptions = new RegionDescription[count];
        for (int i = 0; i < count; i++)
            descriptions[i] = regions[i].Description;
        var table = MemoryTable.Map(descriptions, message.Descriptors);
        if (!_device.ListensForPostcopy)
        {
            _device.SetMemory(table);
            return;
        }
        // The front-end is told where its regions are here, so that it understands our faults; then it says go.
        _device.OfferMemory(table);
        _reply = message.Payload[..(Prefix + (RegionSize * (int)count))].ToArray();
        var answered = MemoryMarshal.Cast<byte, MemoryRegionPayload>(_reply.AsSpan(Prefix));
        for (int i = 0; i < count; i++)
            answered[i].UserAddress = table.HostAddressOf(i);
    }

    private void EndPostcopy(Message message)
    {
        _device.EndPostcopy();
        Reply(0);
    }

    private void SetLogBase(Message message)
    {
        var area = MemoryMarshal.Read<LogArea>(message.Payload);
        _device.SetLog(DirtyLog.Map(message.Descriptors[0], area.Offset, area.Size));
        // Every back-end answers something else here, and front-ends look at the request's number alone.
        Reply(0);
    }

    private void SetVringAddr(Message message)
    {
        var address = MemoryMarshal.Read<VringAddr>(message.Payload);
        ulong? usedLog = (address.Flags & VringAddr.LogUsed) != 0 ? address.Log : null;
        _device.SetRingAddresses(address.Index, new VringAddresses(address.Descriptor, address.Available, address.Used, usedLog));
    }

    private void SetBackEndSocket(Message message)
    {
        _takeBackEndSocket(message.Descriptors[0]);
        message.Descriptors.RemoveAt(0);
    }

    private void ChangeIotlb(Message message)
    {
        var change = MemoryMarshal.Read<IotlbPayload>(message.Payload);
        switch (change.Type)
        {
            case IotlbPayload.Update: _device.UpdateIotlb(change.Address, change.Size, change.UserAddress, (IotlbAccess)change.Access); break;
            case IotlbPayload.Invalidate: _device.InvalidateIotlb(change.Address, change.Size); break;
            default: throw new VhostException($"IOTLB_MSG of type {change.Type}, which no front-end sends");
        }
    }

    private void GetInflight(Message message)
    {
        var wanted = MemoryMarshal.Read<InflightPayload>(message.Payload);
        var area = _device.MakeInflight(wanted.Queues, wanted.QueueSize);
        _reply = new byte[InflightPayload.Length];
        MemoryMarshal.Write(_reply, new InflightPayload { Size = area.Shape.Length, Offset = area.Shape.Offset, Queues = wanted.Queues, QueueSize = wanted.QueueSize });
        ReplyDescriptor = area.File!.Number;
    }

    private void SetInflight(Message message)
    {
        var area = MemoryMarshal.Read<InflightPayload>(message.Payload);
        _device.SetInflight(message.Descriptors[0], area.Size, area.Offset, area.Queues, area.QueueSize);
    }

    private void GetVringBase(Message message)
    {
        var state = message.State;
        state.Num = _device.StopRing(state.Index);
        _reply = new byte[8];
        MemoryMarshal.Write(_reply, state);
    }

    private void Reply(ulong number)
    {
        _reply = new byte[sizeof(ulong)];
        MemoryMarshal.Write(_reply, number);
    }

    private delegate void Handler(Message message);

    private readonly ref struct Message(string name, ReadOnlySpan<byte> payload, List<FileDescriptor> descriptors)
    {
        public ReadOnlySpan<byte> Payload { get; } = payload;

        public List<FileDescriptor> Descriptors { get; } = descriptors;

        public ulong Number => MemoryMarshal.Read<ulong>(Payload);

        public VringState State => MemoryMarshal.Read<VringState>(Payload);

        public RegionDescription SingleRegion => MemoryMarshal.Read<MemoryRegionPayload>(Payload[8..]).Description;

        public uint RingOfDescriptor => (uint)(Number & VringDescriptorBits.IndexMask);

        /// <summary>Takes the descriptor out of the message; null where the message says that it has none.</summary>
        public FileDescriptor? TakeEventFd()
        {
            // Bits that mean nothing would be cut off, and the message would speak of another ring (CVE-2020-10723).
            if ((Number & ~(VringDescriptorBits.IndexMask | VringDescriptorBits.NoDescriptor)) != 0) throw new VhostException($"{name} with the number 0x{Number:x}, which names no ring");
            if ((Number & VringDescriptorBits.NoDescriptor) != 0) return null;
            var descriptor = Descriptors[0];
            if (!EventFd.IsEventFd(descriptor.Number)) throw new VhostException($"{name} for ring {RingOfDescriptor} with a descriptor that is no eventfd");
            descriptor.SetNonBlocking();
            Descriptors.RemoveAt(0);
            return descriptor;
        }
    }

    private sealed record Row(string Name, int Size, int Descriptors, ProtocolFeatures Needs, Handler Handle)
    {
        public const int AnySize = -1;
        public const int AnyCount = -1;
        public const int OneUnlessFlagged = -2;
        public const int AtMostOne = -3;

        public void CheckDescriptors(ReadOnlySpan<byte> payload, int count)
        {
            int wanted = Descriptors switch
            {
                AnyCount => count,
                AtMostOne => Math.Min(count, 1),
                OneUnlessFlagged => (MemoryMarshal.Read<ulong>(payload) & VringDescriptorBits.NoDescriptor) != 0 ? 0 : 1,
                _ => Descriptors,
            };
            if (count != wanted) throw new VhostException($"{Name} with {count} descriptors; it has {wanted}");
        }
    }
}
