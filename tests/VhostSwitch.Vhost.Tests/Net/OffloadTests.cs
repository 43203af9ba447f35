using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Tests.Net;

/// <summary>The offload fields of a frame: what contradicts it, and what reaches a receiver.</summary>
public sealed unsafe class OffloadTests
{
    private const Features All = Features.Version1 | Features.Csum | Features.HostTso4 | Features.HostTso6 | Features.HostEcn
        | Features.GuestCsum | Features.GuestTso4 | Features.GuestTso6 | Features.GuestEcn;

    [Theory]
    [InlineData(34, 24, true)]
    [InlineData(58, 0, true)]
    [InlineData(0, 58, true)]
    [InlineData(34, 25, false)]
    [InlineData(59, 0, false)]
    [InlineData(60_000, 65_535, false)]
    [InlineData(65_535, 65_535, false)]
    [InlineData(65_535, 1, false)]
    public void Cve202411614AChecksumMustLieInTheFrame(ushort start, ushort offset, bool valid) =>
        Assert.Equal(valid ? null : DropReason.BadOffload, Judge(new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = start, CsumOffset = offset }));

    [Theory]
    [InlineData(NetHeader.GsoTcpV4, 1000, 54, true, null)]
    [InlineData(NetHeader.GsoTcpV6, 1000, 54, true, null)]
    [InlineData(NetHeader.GsoTcpV4 | NetHeader.GsoEcn, 1000, 54, true, null)]
    [InlineData(NetHeader.GsoTcpV4, 0, 54, true, DropReason.BadOffload)]
    [InlineData(NetHeader.GsoTcpV4, 1000, 61, true, DropReason.BadOffload)]
    [InlineData(NetHeader.GsoTcpV4, 1000, 54, false, DropReason.BadOffload)]
    [InlineData(NetHeader.GsoUdp, 1000, 54, true, DropReason.BadOffload)]
    [InlineData(2, 1000, 54, true, DropReason.BadOffload)]
    [InlineData(0x7f, 1000, 54, true, DropReason.BadOffload)]
    [InlineData(NetHeader.GsoEcn, 1000, 54, true, DropReason.BadOffload)]
    public void Dpdk7023f3e532SegmentsMustBePossible(int type, ushort size, ushort headers, bool checksum, DropReason? dropped) =>
        Assert.Equal(dropped, Judge(new NetHeader { Flags = checksum ? NetHeader.NeedsCsum : (byte)0, CsumStart = 34, CsumOffset = 16, GsoType = (byte)type, GsoSize = size, HdrLen = headers }));

    [Fact]
    public void SegmentsNeedTheFeatureOfTheirKind() =>
        Assert.Equal(DropReason.BadOffload, Judge(new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 34, CsumOffset = 16, GsoType = NetHeader.GsoTcpV6, GsoSize = 1000, HdrLen = 54 }, All & ~Features.HostTso6));

    [Fact]
    public void AChecksumNeedsItsFeature() =>
        Assert.Equal(DropReason.BadOffload, Judge(new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 34, CsumOffset = 16 }, Features.Version1 | Features.HostTso4));

    [Fact]
    public void OffloadsReachAReceiverThatTookThem()
    {
        var header = new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 34, CsumOffset = 16, GsoType = NetHeader.GsoTcpV4, GsoSize = 1000, HdrLen = 54 };
        Assert.Equal(header with { NumBuffers = 1 }, Forward(header, All, out _));
    }

    [Theory]
    [InlineData(Features.Version1)]
    [InlineData(Features.Version1 | Features.GuestCsum)]
    [InlineData(Features.Version1 | Features.GuestCsum | Features.GuestTso6)]
    [InlineData(Features.Version1 | Features.GuestTso4)]
    public void OffloadsAreDroppedForAReceiverThatDidNot(Features receiver)
    {
        var header = new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 34, CsumOffset = 16, GsoType = NetHeader.GsoTcpV4, GsoSize = 1000, HdrLen = 54 };
        Assert.Null(Forward(header, receiver, out ulong drops));
        Assert.Equal(1ul, drops);
    }

    [Fact]
    public void CongestionBitNeedsTheReceiversFeature()
    {
        var header = new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 34, CsumOffset = 16, GsoType = NetHeader.GsoTcpV4 | NetHeader.GsoEcn, GsoSize = 1000, HdrLen = 54 };
        Assert.Null(Forward(header, Features.Version1 | Features.GuestCsum | Features.GuestTso4, out _));
        Assert.NotNull(Forward(header, Features.Version1 | Features.GuestCsum | Features.GuestTso4 | Features.GuestEcn, out _));
    }

    [Fact]
    public void ASegmentOfAKindThatNoGuestKnowsIsDropped()
    {
        // From an interface, whose kernel has one more kind: several UDP datagrams in one.
        var header = new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 34, CsumOffset = 6 };
        Assert.Null(Forward(header, All | Features.GuestCsum, out ulong drops, OffloadFields.GsoUdpL4));
        Assert.Equal(1ul, drops);
        Assert.NotNull(Forward(header, All | Features.GuestCsum, out _));
    }

    [Theory]
    [InlineData(NetHeader.DataValid, Features.Version1)]
    [InlineData(NetHeader.DataValid, All)]
    [InlineData(4, All)]
    [InlineData(0xfe, All)]
    public void AReceiverIsNotToldWhatASenderMayNotSay(byte flags, Features receiver)
    {
        // VIRTIO 1.2, 5.1.6.2.1: a driver must not set DATA_VALID or RSC_INFO, and a device ignores them. A neighbour that
        // sees DATA_VALID believes a checksum that nobody looked at.
        var header = Forward(new NetHeader { Flags = flags, HdrLen = 0x1111, GsoSize = 0x2222, CsumStart = 0x3333, CsumOffset = 0x4444 }, receiver, out _);
        Assert.Equal((byte)0, header!.Value.Flags);
    }

    [Fact]
    public void AReceiverGetsNoFieldsThatMeanNothing()
    {
        // 5.1.6.4.1: without NEEDS_CSUM and a segment type there is nothing in the fields that a receiver could use.
        var header = Forward(new NetHeader { HdrLen = 0x1111, GsoSize = 0x2222, CsumStart = 0x3333, CsumOffset = 0x4444, NumBuffers = 0x5555 }, Features.Version1, out _);
        Assert.Equal(new NetHeader { NumBuffers = 1 }, header);
    }

    private static DropReason? Judge(NetHeader header, Features features = All)
    {
        using var rig = new RingRig(features);
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, rig.Put(rig.WithHeader(new byte[60], header)), 72);
        // The same frame in pieces takes the other way through the queue and must be judged alike.
        ulong at = rig.Put(rig.WithHeader(new byte[60], header));
        rig.Ring.DescribeChain(1, 0, (at, 5u), (at + 5, 10u), (at + 15, 57u));
        rig.Ring.Offer(0, 1);
        queue.Receive(rig.Burst);
        Assert.Equal(2, rig.Burst.Count);
        Assert.Equal(Loan.Dropped(rig.Burst, 0), Loan.Dropped(rig.Burst, 1));
        return Loan.Dropped(rig.Burst, 0);
    }

    private static NetHeader? Forward(NetHeader header, Features receiver, out ulong drops, byte segment = OffloadFields.GsoNone)
    {
        using var sender = new RingRig(All);
        using var rig = new RingRig(receiver, ring: 0);
        var input = sender.Dequeue();
        var output = rig.Enqueue();
        sender.Ring.Describe(0, sender.Put(sender.WithHeader(NumberedFrame.Make(MacAddress.Broadcast, new MacAddress(2), 1), header)), 76);
        sender.Ring.Offer(0);
        ulong buffer = rig.Allocate(2048);
        rig.Ring.Describe(0, buffer, 2048, Virtio.Descriptor.Write);
        rig.Ring.Offer(0);
        input.Receive(sender.Burst);
        if (segment != OffloadFields.GsoNone) sender.Burst.Frames[0].Offload.GsoType = segment;
        ushort which = 0;
        Assert.Equal(1, output.Send(sender.Burst, &which, 1));
        drops = rig.Counters->Drops(DropReason.OffloadUnsupported);
        if (rig.Ring.UsedIndex == 0) return null;
        return *(NetHeader*)rig.Memory.At(buffer);
    }
}
