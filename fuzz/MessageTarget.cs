using System.Runtime.InteropServices;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.Fuzz;

/// <summary>
/// A connection: messages that would be right for the guest at hand, with what the input changes in them, over a real pair of sockets with
/// real descriptors, to a whole device whose rings are polled in between.
/// </summary>
internal sealed unsafe class MessageTarget : IFuzzTarget
{
    private const int MostMessages = 48;
    private const ulong RegionStart = 0x10_0000;
    private const ulong RegionLength = 0x1_0000;
    private const int RingSize = 16;
    private const int CleanLength = 0x4000;

    private static readonly FrontEndRequest[] Requests = Enum.GetValues<FrontEndRequest>();
    private static readonly ulong[] Numbers = [0, 1, 2, 0xff, 0x100, 0xffff, 0x1_0000, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, ulong.MaxValue, RegionStart, RegionLength];

    private readonly GuestMemoryMap _guest = new("fuzz-messages");
    private readonly FileDescriptor _event = EventFd.Create();
    private readonly FileDescriptor _log = SharedMemory.Create("fuzz-log", 4096);
    private readonly QueueOwner _owner = new();

    public MessageTarget()
    {
        _guest.Add(RegionStart, RegionLength);
        _guest.Add(RegionStart + RegionLength, RegionLength);
    }

    public string Name => "messages";

    // A whole handshake in QEMU's order, as indices into the list of requests; the same with a log, with an IOMMU, with inflight memory.
    public IReadOnlyList<byte[]> Seeds =>
    [
        Script(FrontEndRequest.SetOwner, FrontEndRequest.GetFeatures),
        Script([.. Begin, .. Rings]),
        Script([.. Begin, FrontEndRequest.GetInflightFd, FrontEndRequest.SetInflightFd, .. Rings, FrontEndRequest.SetLogBase]),
        Script([.. Begin, FrontEndRequest.SetBackendReqFd, FrontEndRequest.Iotlb, .. Rings, FrontEndRequest.SetMemTable, FrontEndRequest.RemMemReg, FrontEndRequest.ResetDevice]),
        Script([FrontEndRequest.SetProtocolFeatures, FrontEndRequest.PostcopyAdvise, FrontEndRequest.PostcopyListen, FrontEndRequest.SetMemTable, FrontEndRequest.PostcopyEnd]),
    ];

    private static FrontEndRequest[] Begin => [FrontEndRequest.SetProtocolFeatures, FrontEndRequest.SetFeatures, FrontEndRequest.SetMemTable];

    private static FrontEndRequest[] Rings =>
    [
        FrontEndRequest.SetVringNum, FrontEndRequest.SetVringBase, FrontEndRequest.SetVringAddr, FrontEndRequest.SetVringCall, FrontEndRequest.SetVringEnable,
        FrontEndRequest.SetVringKick, FrontEndRequest.GetVringBase,
    ];

    public void Run(ReadOnlySpan<byte> bytes)
    {
        NativeMemory.Clear(_guest.At(RegionStart), CleanLength);
        var input = new InputReader(bytes);
        bool postcopy = (input.Byte() & 1) != 0;
        var offer = new DeviceOptions(
            DeviceOptions.BasicFeatures | DeviceOptions.ChecksumFeatures | DeviceOptions.SegmentationFeatures | Features.MrgRxbuf,
            postcopy ? DeviceOptions.PostcopyProtocolFeatures : DeviceOptions.BasicProtocolFeatures,
            2);
        var (front, back) = UnixSocket.Pair();
        using (front)
        using (back)
        using (var device = new Device(0, offer, _owner))
        using (var reader = new MessageReader(back))
        {
            var handler = new RequestHandler(device, socket =>
            {
                using var taken = UnixSocket.TryTake(socket) ?? throw new VhostException("no socket");
                device.SetBackEnd(new SilentChannel());
            });
            for (int i = 0; i < MostMessages && !input.IsEmpty; i++)
            {
                Send(front, ref input, offer);
                if (!Answer(device, reader, handler)) break;
                _owner.Poll(device);
            }
        }
        _owner.MustBeIdle();
        if (!_guest.GuardsAreIntact) throw new FuzzFinding("something was written outside the guest's memory");
    }

    public void Dispose()
    {
        _owner.Dispose();
        _event.Dispose();
        _log.Dispose();
        _guest.Dispose();
    }

    private static byte[] Script(params FrontEndRequest[] requests) => [0, .. requests.SelectMany<FrontEndRequest, byte>(r => [(byte)Array.IndexOf(Requests, r), 0, 0])];

    // As Session does it, without the replies. False when the session would be over.
    private static bool Answer(Device device, MessageReader reader, RequestHandler handler)
    {
        try
        {
            while (reader.TryRead() == SocketOutcome.Done)
            {
                bool acknowledge = (reader.Header.Flags & MessageHeader.NeedReply) != 0 && (device.ProtocolFeatures & ProtocolFeatures.ReplyAck) != 0;
                try
                {
                    _ = handler.Handle((FrontEndRequest)reader.Header.Request, reader.Payload, reader.Descriptors);
                }
                catch (VhostException) when (acknowledge)
                {
                    // Refused, and the session goes on.
                }
            }
            return true;
        }
        catch (VhostException)
        {
            return false;
        }
    }

    // Request, ring with flags, number of changes, changes of the payload. The upper bits of the second byte change header and descriptors.
    private void Send(UnixSocket front, ref InputReader input, DeviceOptions offer)
    {
        byte which = input.Byte(), how = input.Byte();
        int changes = input.Byte() % 6;
        uint request = which < 0xf0 ? (uint)Requests[which % Requests.Length] : which;
        uint ring = (uint)how & 3;
        byte[] payload = new byte[MessageReader.MaxPayload];
        int length = Fill(payload, (FrontEndRequest)request, ring, offer);
        for (; changes > 0; changes--)
        {
            int at = input.Byte() % payload.Length;
            byte value = input.Byte();
            if (value < 0xe0) payload[at] = value;
            else MemoryMarshal.Write(payload.AsSpan(Math.Min(at & ~7, payload.Length - 8)), Numbers[value % Numbers.Length]);
        }
        uint flags = MessageHeader.Version | ((how & 4) != 0 ? MessageHeader.NeedReply : 0);
        uint size = (uint)length;
        if ((how & 0xf8) == 0xf8) size = (uint)Numbers[input.Byte() % Numbers.Length];
        else if ((how & 0xf8) == 0xf0) flags = input.Byte();
        byte[] message = new byte[MessageHeader.Length + length];
        MemoryMarshal.Write(message, new MessageHeader { Request = request, Flags = flags, Size = size });
        payload.AsSpan(0, length).CopyTo(message.AsSpan(MessageHeader.Length));
        using var peer = request == (uint)FrontEndRequest.SetBackendReqFd ? Peer() : null;
        int[] descriptors = Descriptors((FrontEndRequest)request, how >> 3, peer);
        _ = front.Send(message, descriptors);
        for (int i = 0; i < 4; i++)
            *(_guest.At(RegionStart) + ((how * 16) + i)) ^= (byte)(which + i);
    }

    private static UnixSocket Peer()
    {
        var (first, second) = UnixSocket.Pair();
        second.Dispose();
        return first;
    }

    private int[] Descriptors(FrontEndRequest request, int how, UnixSocket? peer)
    {
        int[] right = request switch
        {
            FrontEndRequest.SetMemTable => _guest.Descriptors,
            FrontEndRequest.AddMemReg => [_guest.Descriptors[1]],
            FrontEndRequest.SetVringKick or FrontEndRequest.SetVringCall or FrontEndRequest.SetVringErr => [_event.Number],
            FrontEndRequest.SetLogBase or FrontEndRequest.SetInflightFd => [_log.Number],
            FrontEndRequest.SetBackendReqFd => [peer!.Number],
            _ => [],
        };
        return how switch
        {
            1 => [],
            2 => [.. right, _event.Number],
            3 => [.. right.Select(_ => _event.Number)],
            4 => [.. right.Select(_ => _log.Number)],
            5 => [.. Enumerable.Repeat(_log.Number, UnixSocket.MaxDescriptors)],
            _ => right,
        };
    }

    // What an honest front-end would send.
    private int Fill(byte[] payload, FrontEndRequest request, uint ring, DeviceOptions offer)
    {
        ulong place = GuestMemoryMap.FrontEndAddress(RegionStart + (ring * 0x400));
        switch (request)
        {
            case FrontEndRequest.SetFeatures:
                return Number((ulong)(offer.Features & ~(ring % 2 == 0 ? Features.AccessPlatform | Features.RingPacked : Features.AccessPlatform)));
            case FrontEndRequest.SetProtocolFeatures: return Number((ulong)offer.ProtocolFeatures);
            case FrontEndRequest.SetMemTable:
                MemoryMarshal.Write(payload, (ulong)_guest.Files.Count);
                for (int i = 0; i < _guest.Files.Count; i++)
                    Region(8 + (32 * i), i);
                return 8 + (32 * _guest.Files.Count);
            case FrontEndRequest.AddMemReg or FrontEndRequest.RemMemReg:
                Region(8, 1);
                return 40;
            case FrontEndRequest.SetVringNum: return State(RingSize);
            case FrontEndRequest.SetVringEnable: return State(1);
            case FrontEndRequest.SetVringBase or FrontEndRequest.GetVringBase: return State(0);
            case FrontEndRequest.SetVringAddr:
                MemoryMarshal.Write(payload, new VringAddr { Index = ring, Descriptor = place, Available = place + 0x100, Used = place + 0x200 });
                return 40;
            case FrontEndRequest.SetVringKick or FrontEndRequest.SetVringCall or FrontEndRequest.SetVringErr: return Number(ring);
            case FrontEndRequest.SetLogBase:
                MemoryMarshal.Write(payload, new LogArea { Size = 4096 });
                return 16;
            case FrontEndRequest.GetInflightFd or FrontEndRequest.SetInflightFd:
                MemoryMarshal.Write(payload, new InflightPayload { Size = 4096, Queues = 2, QueueSize = RingSize });
                return InflightPayload.Length;
            case FrontEndRequest.Iotlb:
                MemoryMarshal.Write(payload, new IotlbPayload { Address = ring * 0x1000, Size = 0x1000, UserAddress = place, Access = 3, Type = IotlbPayload.Update });
                return IotlbPayload.Length;
            case FrontEndRequest.SendRarp or FrontEndRequest.NetSetMtu or FrontEndRequest.SetStatus: return Number(1500);
            default: return 0;
        }

        int Number(ulong number)
        {
            MemoryMarshal.Write(payload, number);
            return sizeof(ulong);
        }

        int State(uint number)
        {
            MemoryMarshal.Write(payload, new VringState { Index = ring, Num = number });
            return sizeof(ulong);
        }

        void Region(int at, int file)
        {
            var region = _guest.Files[file].Description;
            MemoryMarshal.Write(payload.AsSpan(at), new MemoryRegionPayload
            {
                GuestAddress = region.GuestAddress,
                Size = region.Size,
                UserAddress = region.FrontEndAddress,
                MmapOffset = region.FileOffset,
            });
        }
    }
}
