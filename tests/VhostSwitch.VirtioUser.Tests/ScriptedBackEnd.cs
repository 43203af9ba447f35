using System.Runtime.InteropServices;
using VhostSwitch.Linux;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.VirtioUser.Tests;

/// <summary>
/// The other end of a port's socket: answers as told, writes down what was asked, and keeps memory and rings for a test that
/// plays the device.
/// </summary>
internal sealed unsafe class ScriptedBackEnd : IDisposable
{
    public const Features AllFeatures = Features.Version1 | Features.MrgRxbuf | Features.EventIdx | Features.IndirectDesc | Features.ProtocolFeatures
        | Features.RingPacked | Features.InOrder | Features.Mq;

    private const int MaxRings = 8;

    private readonly UnixSocket? _listener;
    private readonly Thread _thread;
    private readonly List<string> _log = [];
    private readonly List<FileDescriptor> _files = [];
    private readonly List<MemoryMapping> _mappings = [];
    private readonly VringAddr[] _addresses = new VringAddr[MaxRings];
    private readonly uint[] _sizes = new uint[MaxRings];
    private readonly ManualResetEventSlim _ready = new();
    private UnixSocket? _connection;
    private volatile bool _stop;
    private ulong _status;

    /// <param name="path">The socket.</param>
    /// <param name="connects">True to connect to it in place of serving it.</param>
    public ScriptedBackEnd(string path, bool connects = false)
    {
        if (connects) _connection = UnixSocket.Connect(path, nonBlocking: true);
        else _listener = UnixSocket.Listen(path, 1);
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    public Features Offered { get; init; } = AllFeatures;

    public ProtocolFeatures Protocol { get; init; } =
        ProtocolFeatures.Mq | ProtocolFeatures.ReplyAck | ProtocolFeatures.Status | ProtocolFeatures.NetMtu;

    public ulong QueuePairs { get; init; } = 1;

    public int Rings { get; init; } = 2;

    public FrontEndRequest? Refuse { get; init; }

    public FrontEndRequest? Ignore { get; init; }

    public FrontEndRequest? HangUpAt { get; init; }

    public uint ReplyFlags { get; init; } = MessageHeader.Version | MessageHeader.Reply;

    public bool KeepsFeaturesOk { get; init; } = true;

    public Features Acknowledged { get; private set; }

    public GuestMemory Memory { get; private set; } = GuestMemory.Empty;

    public FileDescriptor?[] Kicks { get; } = new FileDescriptor?[MaxRings];

    public FileDescriptor?[] Calls { get; } = new FileDescriptor?[MaxRings];

    /// <summary>The bytes of a part of a ring, wherever it lies.</summary>
    public byte* Used(int index) => Memory.TranslateFrontEnd(_addresses[index].Used, SplitLayout.UsedLength((int)_sizes[index]));

    /// <summary>The entries of a packed ring.</summary>
    public PackedDescriptor* Entries(int index) =>
        (PackedDescriptor*)Memory.TranslateFrontEnd(_addresses[index].Descriptor, PackedLayout.RingLength((int)_sizes[index]));

    public string[] Log
    {
        get
        {
            lock (_log) return [.. _log];
        }
    }

    public void WaitUntilReady() => Assert.True(_ready.Wait(TimeSpan.FromSeconds(10)), "the port did not start its rings");

    public SplitDeviceRing Ring(int index, ushort position = 0)
    {
        byte* descriptors = Memory.TranslateFrontEnd(_addresses[index].Descriptor, SplitLayout.DescriptorTableLength((int)_sizes[index]));
        byte* available = Memory.TranslateFrontEnd(_addresses[index].Available, SplitLayout.AvailableLength((int)_sizes[index]));
        byte* used = Memory.TranslateFrontEnd(_addresses[index].Used, SplitLayout.UsedLength((int)_sizes[index]));
        Assert.True(descriptors != null && available != null && used != null, "a ring is not in the memory that was handed over");
        return new SplitDeviceRing(descriptors, available, used, (int)_sizes[index], position, (Acknowledged & Features.EventIdx) != 0);
    }

    public PackedDeviceRing PackedRing(int index)
    {
        byte* ring = Memory.TranslateFrontEnd(_addresses[index].Descriptor, PackedLayout.RingLength((int)_sizes[index]));
        byte* driverEvent = Memory.TranslateFrontEnd(_addresses[index].Available, PackedLayout.EventLength);
        byte* deviceEvent = Memory.TranslateFrontEnd(_addresses[index].Used, PackedLayout.EventLength);
        Assert.True(ring != null && driverEvent != null && deviceEvent != null, "a ring is not in the memory that was handed over");
        bool eventIndex = (Acknowledged & Features.EventIdx) != 0, inOrder = (Acknowledged & Features.InOrder) != 0;
        return new PackedDeviceRing(ring, driverEvent, deviceEvent, (int)_sizes[index], PackedPosition.Start, eventIndex, inOrder);
    }

    /// <summary>Goes away as a killed process does.</summary>
    public void Die()
    {
        _stop = true;
        _thread.Join();
        _connection?.Dispose();
        _connection = null;
    }

    public void Dispose()
    {
        Die();
        _listener?.Dispose();
        foreach (var mapping in _mappings) mapping.Dispose();
        foreach (var file in _files) file.Dispose();
    }

    private void Run()
    {
        while (!_stop)
        {
            _connection ??= _listener?.Accept();
            if (_connection is null || !Serve(_connection)) Thread.Sleep(1);
        }
    }

    private bool Serve(UnixSocket connection)
    {
        Span<byte> head = stackalloc byte[MessageHeader.Length];
        var files = new List<FileDescriptor>();
        switch (connection.Receive(head, files, out int count))
        {
            case SocketOutcome.WouldBlock:
                return false;
            case SocketOutcome.Closed:
                Note("closed");
                connection.Dispose();
                _connection = null;
                return true;
        }
        Assert.Equal(MessageHeader.Length, count);
        var header = MemoryMarshal.Read<MessageHeader>(head);
        byte[] payload = new byte[header.Size];
        if (payload.Length > 0)
        {
            Assert.Equal(SocketOutcome.Done, connection.Receive(payload, files, out count, wait: true));
            Assert.Equal(payload.Length, count);
        }
        _files.AddRange(files);
        var request = (FrontEndRequest)header.Request;
        bool needReply = (header.Flags & MessageHeader.NeedReply) != 0;
        Note(Describe(request, payload, files.Count) + (needReply ? " !" : ""));
        if (request == HangUpAt)
        {
            connection.Dispose();
            _connection = null;
            _stop = true;
            return true;
        }
        if (request == Ignore) return true;
        byte[]? answer = Handle(request, payload, files);
        if (answer is null && needReply) answer = BitConverter.GetBytes(request == Refuse ? 1UL : 0UL);
        if (answer is null) return true;
        var reply = new MessageHeader { Request = header.Request, Flags = ReplyFlags, Size = (uint)answer.Length };
        connection.Send([.. MemoryMarshal.AsBytes(new ReadOnlySpan<MessageHeader>(in reply)), .. answer], []);
        return true;
    }

    private byte[]? Handle(FrontEndRequest request, byte[] payload, List<FileDescriptor> files)
    {
        switch (request)
        {
            case FrontEndRequest.GetFeatures:
                return BitConverter.GetBytes((ulong)Offered);
            case FrontEndRequest.GetProtocolFeatures:
                return BitConverter.GetBytes((ulong)Protocol);
            case FrontEndRequest.GetQueueNum:
                return BitConverter.GetBytes(QueuePairs);
            case FrontEndRequest.GetStatus:
                return BitConverter.GetBytes(_status);
            case FrontEndRequest.SetStatus:
                _status = BitConverter.ToUInt64(payload) & ~(KeepsFeaturesOk ? 0 : 8UL);
                break;
            case FrontEndRequest.SetFeatures:
                Acknowledged = (Features)BitConverter.ToUInt64(payload);
                break;
            case FrontEndRequest.GetVringBase:
                return payload;
            case FrontEndRequest.SetMemTable:
                Map(payload, files);
                break;
            case FrontEndRequest.SetVringNum:
                _sizes[BitConverter.ToUInt32(payload)] = BitConverter.ToUInt32(payload, 4);
                break;
            case FrontEndRequest.SetVringAddr:
                _addresses[BitConverter.ToUInt32(payload)] = MemoryMarshal.Read<VringAddr>(payload);
                break;
            case FrontEndRequest.SetVringKick:
                Kicks[payload[0]] = files[0];
                if (payload[0] == Rings - 1) _ready.Set();
                break;
            case FrontEndRequest.SetVringCall:
                Calls[payload[0]] = files[0];
                break;
        }
        return null;
    }

    private void Map(byte[] payload, List<FileDescriptor> files)
    {
        var regions = MemoryMarshal.Cast<byte, MemoryRegionPayload>(payload.AsSpan(8));
        Assert.Equal(BitConverter.ToUInt32(payload), (uint)regions.Length);
        Assert.Equal(files.Count, regions.Length);
        var table = new List<MemoryRegion>();
        for (int i = 0; i < regions.Length; i++)
        {
            Assert.True(files[i].IsSealedAgainstShrinking(), "the memory can be truncated under the back-end");
            Assert.Equal((ulong)files[i].FileSize(), regions[i].Size + regions[i].MmapOffset);
            var mapping = MemoryMapping.OfFile(files[i], (nuint)(regions[i].Size + regions[i].MmapOffset));
            _mappings.Add(mapping);
            nuint host = (nuint)(mapping.Address + regions[i].MmapOffset);
            table.Add(new MemoryRegion(new GuestAddress(regions[i].GuestAddress), regions[i].Size, regions[i].UserAddress, host));
        }
        Memory = new GuestMemory(table);
    }

    private static string Describe(FrontEndRequest request, byte[] payload, int files) => request switch
    {
        FrontEndRequest.SetVringNum or FrontEndRequest.SetVringBase or FrontEndRequest.SetVringEnable =>
            $"{request} {BitConverter.ToUInt32(payload)}={BitConverter.ToUInt32(payload, 4)}",
        FrontEndRequest.SetVringAddr or FrontEndRequest.GetVringBase => $"{request} {BitConverter.ToUInt32(payload)}",
        FrontEndRequest.SetVringKick or FrontEndRequest.SetVringCall => $"{request} {BitConverter.ToUInt64(payload)} fds={files}",
        FrontEndRequest.SetFeatures or FrontEndRequest.SetProtocolFeatures or FrontEndRequest.SetStatus =>
            $"{request} 0x{BitConverter.ToUInt64(payload):x}",
        FrontEndRequest.SetMemTable => $"{request} regions={BitConverter.ToUInt32(payload)} fds={files}",
        _ => request.ToString(),
    };

    private void Note(string line)
    {
        lock (_log) _log.Add(line);
    }
}
