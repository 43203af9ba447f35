using VhostSwitch.Dataplane;

namespace VhostSwitch.Switching.Tests;

/// <summary>What is expected is what Open vSwitch 3.1 does with the same ports and mirrors (<c>ofproto/trace</c>).</summary>
public sealed class MirrorTests : IDisposable
{
    private static readonly BridgePortOptions[] Ports =
    [
        BridgeRig.Port(1, VlanMode.Access, 10),
        BridgeRig.Port(2, VlanMode.Trunk, vlans: [10, 20]),
        BridgeRig.Port(4, VlanMode.NativeUntagged, 10),
        BridgeRig.Port(5, VlanMode.Dot1qTunnel, 100),
        BridgeRig.Port(7),
        BridgeRig.Port(8, VlanMode.Access, 10),
        BridgeRig.Port(9),
    ];

    private readonly BridgeRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void TakesWhatComesInByAPort()
    {
        Have(new MirrorOptions { SourcePorts = ["p1"], OutputPort = "p9" });
        Assert.Equal("2:10 4: 7:10 8: 9:10", _rig.Send(1));
        Assert.Equal("1: 2:10 4: 8:", _rig.Send(7, "10"));
        Assert.Equal("", _rig.Send(1, "10"));
    }

    [Fact]
    public void TakesWhatIsForTheNeighbourAlone()
    {
        Have(new MirrorOptions { SourcePorts = ["p1"], OutputPort = "p9" });
        Assert.Equal("9:10", _rig.Send(1, to: "01:80:c2:00:00:00"));
    }

    [Theory]
    [InlineData("p1", "10/5", "1: 2:10/5 4: 8: 9:10")]
    [InlineData("p4", "10/5", "1: 2:10/5 4: 8: 9:10")]
    [InlineData("p5", "100/5", "4:100/5 5: 9:s100")]
    [InlineData("p1", "", "")]
    public void TakesWhatLeavesByAPort(string port, string came, string leaving)
    {
        Have(new MirrorOptions { DestinationPorts = [port], OutputPort = "p9" });
        Assert.Equal(leaving, _rig.Send(7, came));
    }

    [Fact]
    public void TakesAFrameOnce()
    {
        Have(new MirrorOptions { SourcePorts = null, DestinationPorts = null, OutputPort = "p9" });
        Assert.Equal("1: 2:10/5 4: 8: 9:10/5", _rig.Send(7, "10/5"));
        Have(new MirrorOptions { SourcePorts = ["p7"], OutputPort = "p9" }, new MirrorOptions { DestinationPorts = ["p1"], OutputPort = "p9" });
        Assert.Equal("1: 2:10 4: 8: 9:10", _rig.Send(7, "10"));
    }

    [Fact]
    public void TwoMirrorsGiveACopyEach()
    {
        Have(new MirrorOptions { SourcePorts = null, DestinationPorts = null, OutputPort = "p9" },
            new MirrorOptions { SourcePorts = null, DestinationPorts = null, OutputPort = "p8" });
        Assert.Equal("1: 2:10 4: 8: 9:10", _rig.Send(7, "10"));
        // A copy that leaves by a port is itself what leaves there.
        Have(new MirrorOptions { SourcePorts = ["p7"], OutputPort = "p9" }, new MirrorOptions { DestinationPorts = ["p9"], OutputPort = "p8" });
        Assert.Equal("1: 2:10 4: 8: 9:10", _rig.Send(7, "10"));
    }

    [Fact]
    public void TakesFramesOfSomeVlans()
    {
        Have(new MirrorOptions { SourcePorts = null, DestinationPorts = null, Vlans = [10], OutputPort = "p9" });
        Assert.Equal("1: 2:10 4: 8: 9:10", _rig.Send(7, "10"));
        Assert.Equal("2:20 4:20", _rig.Send(7, "20"));
    }

    [Theory]
    [InlineData("p1", "20/5", "1: 2:20/5 4:20/5 9:20/5")]
    [InlineData("p5", "20/5", "2:20/5 4:20/5 5: 9:20/5")]
    [InlineData("p4", "20/5", "2:20/5 4:20/5 9:20/5")]
    public void TheCopyIsAsThePortTakesIt(string output, string came, string leaving)
    {
        Have(new MirrorOptions { SourcePorts = ["p7"], OutputPort = output });
        Assert.Equal(leaving, _rig.Send(7, came));
    }

    [Theory]
    [InlineData(7, "10/5", 20, "1: 2:20/5 2:10/5 4:20/5 4: 7:20/5 8: 9:20/5 9:10/5")]
    [InlineData(7, "", 20, "2:20 4:20 7:20 9:20 9:")]
    [InlineData(7, "20/5", 20, "2:20/5 4:20/5 9:20/5")]
    [InlineData(7, "20/5", 10, "1: 2:10/5 2:20/5 4: 4:20/5 7:10/5 8: 9:10/5 9:20/5")]
    [InlineData(5, "20/5", 20, "2:s20+20/5 4:s20+20/5 4:s100+20/5 7:s20+20/5 7:s100+20/5 9:s20+20/5 9:s100+20/5")]
    public void AVlanGetsTheCopies(int port, string came, int vlan, string leaving)
    {
        Have(new MirrorOptions { SourcePorts = ["p5", "p7"], OutputVlan = (ushort)vlan });
        Assert.Equal(leaving, _rig.Send(port, came));
        Assert.Equal("", _rig.Send(port, came, to: "01:80:c2:00:00:00"));
    }

    [Fact]
    public void WhatComesInByAnOutputPortIsDroppedAndNotLearned()
    {
        Have(new MirrorOptions { SourcePorts = null, DestinationPorts = null, OutputPort = "p9" },
            new MirrorOptions { SourcePorts = null, DestinationPorts = null, OutputPort = "p8" });
        Assert.Equal("", _rig.Send(9));
        Assert.Equal(DropReason.MirrorOutput, _rig.Dropped);
        Assert.Empty(_rig.Table.Entries());
    }

    [Fact]
    public void ACopyIsNoLongerThanAskedFor()
    {
        Have(new MirrorOptions { SourcePorts = ["p1"], OutputPort = "p9", SnapLength = 40 });
        Assert.Equal("2:10 4: 7:10 8: 9:10", _rig.Send(1));
        Assert.Equal([64, 60, 64, 60, 40], _rig.Frames.Select(frame => frame.Length));
    }

    [Fact]
    public void AMirrorWhosePortIsNotThereTakesNothing()
    {
        Have(new MirrorOptions { SourcePorts = ["p7"], OutputPort = "none" });
        Assert.Equal("9:", _rig.Send(7));
    }

    private void Have(params MirrorOptions[] mirrors) => _rig.Have([_rig.Bridge("br0", Ports) with { Mirrors = mirrors }]);
}
