using VhostSwitch.Dataplane;

namespace VhostSwitch.Switching.Tests;

/// <summary>
/// The VLAN modes of ports, each as a way in and as a way out. What is expected is what Open vSwitch 3.1 does with the same ports
/// (<c>ofproto/trace</c>).
/// </summary>
public sealed class VlanModeTests : IDisposable
{
    private static readonly BridgePortOptions[] Ports =
    [
        BridgeRig.Port(1, VlanMode.Access, 10),
        BridgeRig.Port(2, VlanMode.Trunk, vlans: [10, 20]),
        BridgeRig.Port(3, VlanMode.NativeTagged, 10),
        BridgeRig.Port(4, VlanMode.NativeUntagged, 10),
        BridgeRig.Port(5, VlanMode.Dot1qTunnel, 100),
        BridgeRig.Port(6, VlanMode.Dot1qTunnel, 100, [10, 20]),
        BridgeRig.Port(7),
        BridgeRig.Port(8, VlanMode.Access, 10) with { PriorityTags = PriorityTags.IfNonzero },
        BridgeRig.Port(9) with { PriorityTags = PriorityTags.Always },
        BridgeRig.Port(10),
    ];

    private readonly BridgeRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Theory]
    [InlineData(1, "", "2:10 3:10 4: 7:10 8: 9:10 10:10")]
    [InlineData(1, "0", "2:10 3:10 4: 7:10 8: 9:10 10:10")]
    [InlineData(1, "0/5", "2:10/5 3:10/5 4: 7:10/5 8:0/5 9:10/5 10:10/5")]
    [InlineData(1, "0/5+10", "2:10/5+10 3:10/5+10 4:10 7:10/5+10 8:0/5+10 9:10/5+10 10:10/5+10")]
    [InlineData(2, "10/5", "1: 3:10/5 4: 7:10/5 8:0/5 9:10/5 10:10/5")]
    [InlineData(2, "20", "3:20 4:20 7:20 9:20 10:20")]
    [InlineData(2, "s10", "1: 3:s10 4: 7:s10 8: 9:s10 10:s10")]
    [InlineData(2, "20+10", "3:20+10 4:20+10 7:20+10 9:20+10 10:20+10")]
    [InlineData(3, "", "1: 2:10 4: 7:10 8: 9:10 10:10")]
    [InlineData(3, "0/5", "1: 2:10/5 4: 7:10/5 8:0/5 9:10/5 10:10/5")]
    [InlineData(3, "10", "1: 2:10 4: 7:10 8: 9:10 10:10")]
    [InlineData(3, "100", "4:100 5: 7:100 9:100 10:100")]
    [InlineData(3, "s100+10", "4:s100+10 5:10 7:s100+10 9:s100+10 10:s100+10")]
    [InlineData(4, "", "1: 2:10 3:10 7:10 8: 9:10 10:10")]
    [InlineData(4, "20", "2:20 3:20 7:20 9:20 10:20")]
    [InlineData(5, "", "3:s100 4:s100 7:s100 9:s100 10:s100")]
    [InlineData(5, "0", "3:s100 4:s100 7:s100 9:s100+0 10:s100")]
    [InlineData(5, "0/5", "3:s100+0/5 4:s100+0/5 7:s100+0/5 9:s100/5+0/5 10:s100+0/5")]
    [InlineData(5, "10/5", "3:s100+10/5 4:s100+10/5 6:10/5 7:s100+10/5 9:s100/5+10/5 10:s100+10/5")]
    [InlineData(5, "s100+10", "3:s100+s100+10 4:s100+s100+10 7:s100+s100+10 9:s100+s100+10 10:s100+s100+10")]
    [InlineData(6, "20", "3:s100+20 4:s100+20 5:20 7:s100+20 9:s100+20 10:s100+20")]
    [InlineData(7, "", "9: 10:")]
    [InlineData(7, "0", "9:0 10:")]
    [InlineData(7, "0/5", "9:0/5 10:0/5")]
    [InlineData(7, "10/5", "1: 2:10/5 3:10/5 4: 8:0/5 9:10/5 10:10/5")]
    [InlineData(7, "s100+30", "3:s100+30 4:s100+30 5:30 9:s100+30 10:s100+30")]
    public void AFrameReachesThePortsOfItsVlan(int port, string tags, string leaving) => Assert.Equal(leaving, _rig.Have(Ports).Send(port, tags));

    [Theory]
    [InlineData(1, "10")]
    [InlineData(1, "20")]
    [InlineData(1, "s10")]
    [InlineData(2, "")]
    [InlineData(2, "0/5")]
    [InlineData(2, "30")]
    [InlineData(6, "")]
    [InlineData(6, "30")]
    [InlineData(6, "s100+10")]
    public void AFrameOfAVlanThatThePortDoesNotCarryIsDropped(int port, string tags)
    {
        Assert.Equal("", _rig.Have(Ports).Send(port, tags));
        Assert.Equal(DropReason.VlanNotCarried, _rig.Dropped);
        Assert.Empty(_rig.Table.Entries());
    }

    /// <summary>Where two tags are looked at, the inner one counts: what is sent of it is what was read.</summary>
    [Theory]
    [InlineData(1, "0/5+10", "2:10/5 3:10/5 4: 7:10/5 8:0/5 9:10/5 10:10/5")]
    [InlineData(3, "0/5+10", "2:10/5+10 4:10 7:10/5+10 9:10/5+10 10:10/5+10")]
    [InlineData(3, "s100+10", "4:s100+10 5:10 6:10 7:s100+10 9:s100+10 10:s100+10")]
    [InlineData(7, "s100+30", "3:s100+30 4:s100+30 5:30 9:s100+30 10:s100+30")]
    [InlineData(7, "0+10", "9:0+10 10:")]
    [InlineData(7, "0/5+10", "9:0/5+10 10:0/5+10")]
    [InlineData(5, "20+10", "3:s100+20 4:s100+20 6:20 7:s100+20 9:s100+20 10:s100+20")]
    public void OfTwoTagsBothCount(int port, string tags, string leaving) =>
        Assert.Equal(leaving, _rig.Have([_rig.Bridge("br0", Ports)], tagsRead: 2).Send(port, tags));

    [Theory]
    [InlineData(PriorityTags.Always, "10", "1:")]
    [InlineData(PriorityTags.Always, "10/5", "1:0/5")]
    [InlineData(PriorityTags.Never, "10/5", "1:")]
    public void APortThatTakesTagsOffKeepsThePriorityWhereItIsToldTo(PriorityTags tags, string came, string leaving)
    {
        Assert.Equal(leaving, _rig.Have(BridgeRig.Port(1, VlanMode.NativeUntagged, 10) with { PriorityTags = tags }, BridgeRig.Port(2)).Send(2, came));
    }

    [Fact]
    public void ATunnelMayHaveOrdinaryTags() =>
        Assert.Equal("2:100+7", _rig.Have(BridgeRig.Port(1, VlanMode.Dot1qTunnel, 100) with { TunnelType = 0x8100 }, BridgeRig.Port(2)).Send(1, "7"));

    /// <summary>The bit between priority and VLAN stays in a tag that is not changed, and is lost in one that is.</summary>
    [Fact]
    public void ATagThatIsNotChangedIsNotTouched()
    {
        _rig.Have(BridgeRig.Port(1), BridgeRig.Port(2, VlanMode.Access, 10), BridgeRig.Port(3));
        byte[] frame = BridgeRig.Frame("10/5");
        frame[14] |= 0x10;
        Assert.Equal("2: 3:10d/5", _rig.SendBytes(1, frame));
    }

    [Theory]
    [InlineData("8100")]
    [InlineData("810000")]
    [InlineData("8100000a")]
    [InlineData("88a80064")]
    [InlineData("8100000a88")]
    public void AFrameThatEndsWithinItsTagIsDropped(string end)
    {
        byte[] frame = [.. BridgeRig.Frame("")[..12], .. Convert.FromHexString(end)];
        Assert.Equal("", _rig.Have(Ports).SendBytes(7, frame));
        Assert.Equal(DropReason.TruncatedTag, _rig.Dropped);
        _rig.Have(BridgeRig.Port(1), BridgeRig.Port(2));
        Assert.Equal("", _rig.SendBytes(1, frame));
        Assert.Equal(DropReason.TruncatedTag, _rig.Dropped);
    }

    [Fact]
    public void AddressesAreThoseOfAVlan()
    {
        _rig.Have(Ports);
        _rig.Send(1, "", from: "02:00:00:00:00:0b");
        Assert.Equal("1:", _rig.Send(7, "10", to: "02:00:00:00:00:0b"));
        Assert.Equal("2:20 3:20 4:20 9:20 10:20", _rig.Send(7, "20", to: "02:00:00:00:00:0b"));
    }

    [Fact]
    public void AFrameForOnePortThatLeavesAsItCameHasNoRoute()
    {
        _rig.Have(Ports);
        _rig.Send(1, "", from: "02:00:00:00:00:0b");
        Assert.Equal("1:", _rig.Send(4, "", to: "02:00:00:00:00:0b"));
        Assert.Equal(1, _rig.Output);
    }
}
