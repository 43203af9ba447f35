using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Host;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using VhostSwitch.Virtio.Split;
using VhostSwitch.VirtioUser;
using VhostSwitch.VirtioUser.Tests;

namespace VhostSwitch.Ports.Tests.NetVirtioUser;

/// <summary>
/// A back-end writes to the rings what breaks the rules of virtio. Its port is broken with a sentence, and works again with the next back-end;
/// another port of the same poll thread does not notice.
/// </summary>
public sealed unsafe class HostileBackEndTests : IDisposable
{
    private const int Size = 64;
    private const Features Offered = ScriptedBackEnd.AllFeatures | Features.Csum | Features.GuestCsum | Features.GuestTso4;

    private readonly TestFolder _folder = new();
    private readonly PortRig _rig = new();
    private readonly ScriptedBackEnd _backEnd;
    private readonly PortDevice _device;

    // By descriptor: the receive buffer.
    private readonly nint[] _buffers = new nint[Size];

    public HostileBackEndTests()
    {
        _backEnd = new ScriptedBackEnd(_folder.File("s")) { Offered = Offered };
        _device = _rig.Add($"virtio_user0,path={_folder.File("s")},queue_size={Size},in_order=0");
        _rig.WaitFor(_device, "up: ");
        _backEnd.WaitUntilReady();
        var ring = _backEnd.Ring(0);
        Assert.Equal(Size, ring.Available(Size));
        for (int i = 0; i < Size; i++)
        {
            int id = ring.Peek(i, out var descriptor);
            Assert.Equal((uint)VirtioUserOptions.BufferUnit, descriptor.Length);
            _buffers[id] = (nint)_backEnd.Memory.TranslateFrontEnd(descriptor.Address, descriptor.Length);
        }
    }

    public void Dispose()
    {
        _rig.Dispose();
        _backEnd.Dispose();
        _folder.Dispose();
    }

    /// <summary>A used ring with one entry or several, each of id and length, and the index behind them.</summary>
    [Theory]
    [InlineData(0, 1, "used id 64 in a ring of 64", 64u, 72u)]
    [InlineData(0, 1, "used id 4294967295 in a ring of 64", uint.MaxValue, 72u)]
    [InlineData(0, 2, "used id 3, which is not outstanding", 3u, 72u, 3u, 72u)]
    [InlineData(0, 1, "a used length of 2049 bytes, more than was posted", 0u, 2049u)]
    [InlineData(0, 1, "a used length of 4294967295 bytes, more than was posted", 0u, uint.MaxValue)]
    [InlineData(0, 1, "a received frame of 11 bytes, shorter than the network header", 0u, 11u)]
    [InlineData(0, 65, "used index 65 ahead in a ring of 64, more than was made available")]
    [InlineData(0, 0xffff, "used index 65535 ahead in a ring of 64, more than was made available")]
    [InlineData(1, 65, "used index 65 ahead in a ring of 64, more than was made available")]
    [InlineData(1, 1, "a used length of 1 bytes, more than was posted", 0u, 1u)]
    public void AUsedRingThatBreaksTheRulesBreaksThePort(int ring, int index, string fault, params uint[] entries)
    {
        byte* used = _backEnd.Used(ring);
        for (int i = 0; i < entries.Length; i++)
            ((uint*)(used + SplitLayout.EntriesOffset))[i] = entries[i];
        // The header of a frame in one buffer.
        for (int i = 0; i < entries.Length / 2; i++)
        {
            if (entries[2 * i] < Size) *(ushort*)(Buffer((int)entries[2 * i]) + NetHeader.LegacySize) = 1;
        }
        RingOrder.PublishIndex((ushort*)(used + SplitLayout.IndexOffset), (ushort)index);
        EventFd.Signal(_backEnd.Calls[0]!.Number);
        if (ring == 1) AskForUsedOnes();
        _rig.WaitFor(_device, $"broken: {(ring == 0 ? "receive" : "transmit")} queue 0: {fault}; ");
        Assert.True(_device.Port.Inputs.IsEmpty && _device.Port.Outputs.IsEmpty);
        ComesBackWithAnother("");
    }

    [Theory]
    [InlineData((ushort)0)]
    [InlineData((ushort)2)]
    [InlineData((ushort)65535)]
    public void AFrameOfMoreBuffersThanWereUsedBreaksThePort(ushort buffers)
    {
        Use((0, 72, new NetHeader { NumBuffers = buffers }));
        _rig.WaitFor(_device, $"broken: receive queue 0: a received frame that claims to span {buffers} buffers; ");
        ComesBackWithAnother("");
    }

    [Theory]
    [InlineData((ushort)64, 72u, "used id 64 in a ring of 64")]
    [InlineData((ushort)65535, 72u, "used id 65535 in a ring of 64")]
    [InlineData((ushort)0, 2049u, "a used length of 2049 bytes, more than was posted")]
    public void APackedRingThatBreaksTheRulesBreaksThePort(ushort id, uint length, string fault)
    {
        using var backEnd = new ScriptedBackEnd(_folder.File("p")) { Offered = Offered };
        var device = _rig.Add($"virtio_user1,path={_folder.File("p")},queue_size={Size},in_order=0,packed_vq=1");
        _rig.WaitFor(device, "up: ");
        backEnd.WaitUntilReady();
        var entry = backEnd.Entries(0);
        entry->Id = id;
        entry->Length = length;
        RingOrder.PublishFlags(&entry->Flags, PackedDescriptor.Available | PackedDescriptor.Used | Descriptor.Write);
        EventFd.Signal(backEnd.Calls[0]!.Number);
        _rig.WaitFor(device, $"broken: receive queue 0: {fault}; ");
        // The first device is as it was.
        Assert.StartsWith("up: ", _rig.Ask(() => _device.Status), StringComparison.Ordinal);
        Use((0, 72, new NetHeader { NumBuffers = 1 }));
        Until.True(() => PortRig.Given(_device) == 1, "a frame of the other device");
    }

    /// <summary>Headers that contradict the frame or what was negotiated are drops, counted by reason; the port lives on.</summary>
    [Fact]
    public void AHeaderThatContradictsItsFrameIsADrop()
    {
        Use(
            (0, 12 + 13, Header(0, 0)),
            (1, 12 + 60, Header(1, 0, csumStart: 50, csumOffset: 9)),
            (2, 12 + 60, Header(1, 0, csumStart: ushort.MaxValue, csumOffset: ushort.MaxValue)),
            (3, 12 + 60, Header(1, 1, csumStart: 34, csumOffset: 16, gsoSize: 0)),
            (4, 12 + 60, Header(0, 1, gsoSize: 1000)),
            (5, 12 + 60, Header(1, 4, csumStart: 34, csumOffset: 16, gsoSize: 1000)),
            (6, 12 + 60, Header(1, 3, csumStart: 34, csumOffset: 16, gsoSize: 1000)),
            (7, 12 + 60, Header(1, 0, csumStart: 34, csumOffset: 16)));
        Until.True(() => PortRig.Given(_device) == 8, "all frames");
        Until.True(() => PortRig.Dropped(_device, DropReason.BadOffload) == 6, "the drops");
        Assert.Equal(1ul, PortRig.Dropped(_device, DropReason.Runt));
        Assert.StartsWith("up: ", _rig.Ask(() => _device.Status), StringComparison.Ordinal);
    }

    /// <summary>Buffers of a frame together longer than any frame, and one of no bytes among them.</summary>
    [Fact]
    public void AFrameThatIsTooLongIsADrop()
    {
        const int buffers = 40;
        byte* used = _backEnd.Used(0);
        for (uint i = 0; i < buffers; i++)
        {
            ((uint*)(used + SplitLayout.EntriesOffset))[2 * i] = i;
            ((uint*)(used + SplitLayout.EntriesOffset))[(2 * i) + 1] = i == 1 ? 0u : 2048u;
        }
        *(NetHeader*)Buffer(0) = new NetHeader { NumBuffers = buffers };
        RingOrder.PublishIndex((ushort*)(used + SplitLayout.IndexOffset), buffers);
        EventFd.Signal(_backEnd.Calls[0]!.Number);
        Until.True(() => PortRig.Dropped(_device, DropReason.Oversize) == 1, "the drop");
        Assert.StartsWith("up: ", _rig.Ask(() => _device.Status), StringComparison.Ordinal);
        // Its buffers are there again.
        Until.True(() => _backEnd.Ring(0, buffers).Available(128) == Size, "all buffers");
    }

    /// <summary>The kick eventfds are full, and wait for whoever reads them.</summary>
    [Fact]
    public void EventfdsThatTheBackEndSpoiltHoldNobody()
    {
        foreach (var kick in _backEnd.Kicks[..2])
        {
            EventFd.Drain(kick!.Number);
            SystemCalls.SetBlocking(kick.Number);
            SystemCalls.Write(kick.Number, ulong.MaxValue - 1);
        }
        bool goesOn = true;
        for (uint round = 0; goesOn && round < 20; round++)
        {
            Use(round, (round, 72, new NetHeader { NumBuffers = 1 }));
            ulong awaited = round + 1;
            goesOn = Until.TryTrue(() => PortRig.Given(_device) == awaited, TimeSpan.FromSeconds(10));
        }
        // Whoever waits goes on, so that the test itself can end.
        foreach (var kick in _backEnd.Kicks[..2])
            EventFd.Drain(kick!.Number);
        Assert.True(goesOn, "no frame comes in while the port waits to notify its back-end");
    }

    private static NetHeader Header(byte flags, byte gsoType, ushort csumStart = 0, ushort csumOffset = 0, ushort gsoSize = 0) => new()
    {
        Flags = flags,
        GsoType = gsoType,
        GsoSize = gsoSize,
        CsumStart = csumStart,
        CsumOffset = csumOffset,
        NumBuffers = 1,
    };

    private void Use(params (uint Id, uint Length, NetHeader Header)[] frames) => Use(0, frames);

    private void Use(uint position, params (uint Id, uint Length, NetHeader Header)[] frames)
    {
        byte* used = _backEnd.Used(0);
        foreach (var (id, length, header) in frames)
        {
            *(NetHeader*)Buffer((int)id) = header;
            ((uint*)(used + SplitLayout.EntriesOffset))[2 * (position % Size)] = id;
            ((uint*)(used + SplitLayout.EntriesOffset))[(2 * (position % Size)) + 1] = length;
            position++;
        }
        RingOrder.PublishIndex((ushort*)(used + SplitLayout.IndexOffset), (ushort)position);
        EventFd.Signal(_backEnd.Calls[0]!.Number);
    }

    private byte* Buffer(int id) => (byte*)_buffers[id];

    // A transmit queue looks for used buffers when it has no others: a frame for each and one more.
    private void AskForUsedOnes()
    {
        var other = _rig.Add("net_null0,size=64,no-rx=0");
        _rig.WaitFor(_device, "broken");
        _rig.Remove(other);
    }

    private void ComesBackWithAnother(string more)
    {
        _backEnd.Dispose();
        _rig.WaitFor(_device, "down: ");
        File.Delete(_folder.File("s"));
        using var next = new ScriptedBackEnd(_folder.File("s")) { Offered = Offered };
        _rig.WaitFor(_device, "up: " + more);
        // All rings are new.
        Assert.Contains("SetVringBase 0=0", next.Log);
        Assert.Equal(Size, next.Ring(0).Available(2 * Size));
    }
}
