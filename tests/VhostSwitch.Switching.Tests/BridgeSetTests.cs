using VhostSwitch.Dataplane;

namespace VhostSwitch.Switching.Tests;

/// <summary>Several bridges, patches between them, and what a bridge keeps from being forwarded. As Open vSwitch 3.1 does (<c>ofproto/trace</c>).</summary>
public sealed class BridgeSetTests : IDisposable
{
    private const string A = "02:00:00:00:00:0b";

    private readonly BridgeRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void BridgesKnowNothingOfEachOther()
    {
        _rig.Have([_rig.Bridge("br0", BridgeRig.Port(1), BridgeRig.Port(2)), _rig.Bridge("br1", BridgeRig.Port(3), BridgeRig.Port(4))]);
        Assert.Equal("2:", _rig.Send(1, from: A));
        Assert.Equal("4:", _rig.Send(3, to: A));
        Assert.Equal("1:", _rig.Send(2, to: A));
    }

    [Fact]
    public void APortOfNoBridgeHasNoPartInAny()
    {
        _rig.Have([_rig.Bridge("br0", BridgeRig.Port(1)), _rig.Bridge("br1")]);
        Assert.Equal("", _rig.Send(5));
    }

    [Fact]
    public void OneBridgeOfPlainPortsIsTheShortWay()
    {
        _rig.Have(BridgeRig.Port(1), BridgeRig.Port(2), BridgeRig.Port(3));
        Assert.Equal("all", _rig.Send(1, "10", from: A));
        Assert.Equal("1:10/3", _rig.Send(2, "10/3", to: A));
        Assert.Equal("all", _rig.Send(2, "s11", to: A));
        // But for frames of VLAN 0, which leave without a tag that says nothing.
        Assert.Equal("2: 3:", _rig.Send(1, "0", from: A));
        Assert.Equal("1:0/5", _rig.Send(2, "0/5", to: A));
        Assert.Equal("1:", _rig.Send(2, "0", to: A));
    }

    [Fact]
    public void NotEveryPortThatIsAttachedIsOfTheOneBridge()
    {
        using var table = new MacTable();
        Assert.Null(new BridgeSet([new BridgeOptions("br0", table, [BridgeRig.Port(1)])], isComplete: false).Plain);
        Assert.NotNull(new BridgeSet([new BridgeOptions("br0", table, [BridgeRig.Port(1)])], isComplete: true).Plain);
    }

    [Fact]
    public void APatchLeadsIntoTheOtherBridge()
    {
        _rig.Have([
            _rig.Bridge("br0", BridgeRig.Port(1, VlanMode.Access, 10), BridgeRig.Port(2), Patch(3, 4) with { Mode = VlanMode.Access, Tag = 10 }),
            _rig.Bridge("br1", Patch(4, 3), BridgeRig.Port(5), BridgeRig.Port(6)),
        ]);
        Assert.Equal("2:10 5: 6:", _rig.Send(1, from: A));
        // Each bridge has learned where it came from.
        Assert.Equal("1:", _rig.Send(5, to: A));
        Assert.Equal("6:20", _rig.Send(5, "20", from: "02:00:00:00:00:0c"));
        Assert.Equal("1: 2:10 6:", _rig.Send(5));
    }

    [Theory]
    [InlineData("p9", "p3")]
    [InlineData("p4", "p9")]
    public void APatchLeadsNowhereUnlessBothEndsNameEachOther(string first, string second)
    {
        _rig.Have([
            _rig.Bridge("br0", BridgeRig.Port(1), BridgeRig.Port(2), BridgeRig.Port(3) with { Peer = first }),
            _rig.Bridge("br1", BridgeRig.Port(4) with { Peer = second }, BridgeRig.Port(5)),
        ]);
        Assert.Equal("2:", _rig.Send(1));
    }

    [Fact]
    public void APatchIsNoSourceAndNoDestinationOfAMirror()
    {
        _rig.Have([
            _rig.Bridge("br0", BridgeRig.Port(1), BridgeRig.Port(2), Patch(3, 4)) with
                { Mirrors = [new MirrorOptions { SourcePorts = ["p3"], DestinationPorts = ["p3"], OutputPort = "p2" }] },
            _rig.Bridge("br1", Patch(4, 3), BridgeRig.Port(5)),
        ]);
        Assert.Equal("5:", _rig.Send(1));
        Assert.Equal("1:", _rig.Send(5));
    }

    [Fact]
    public void AMirrorMayLeadThroughAPatch()
    {
        _rig.Have([
            _rig.Bridge("br0", BridgeRig.Port(1), BridgeRig.Port(2), Patch(3, 4)) with { Mirrors = [new MirrorOptions { SourcePorts = ["p1"], OutputPort = "p3" }] },
            _rig.Bridge("br1", Patch(4, 3), BridgeRig.Port(5)),
        ]);
        Assert.Equal("2:7 5:7", _rig.Send(1, "7"));
    }

    [Fact]
    public void AFrameThatGoesRoundIsDropped()
    {
        _rig.Have([
            _rig.Bridge("br0", BridgeRig.Port(1), Patch(3, 4), Patch(5, 6), Patch(7, 8)),
            _rig.Bridge("br1", BridgeRig.Port(2), Patch(4, 3), Patch(6, 5), Patch(8, 7)),
        ]);
        Assert.Equal("", _rig.Send(1));
        Assert.Equal(DropReason.ForwardingLoop, _rig.Dropped);
    }

    [Theory]
    [InlineData("01:80:c2:00:00:00", true)]
    [InlineData("01:80:c2:00:00:0f", true)]
    [InlineData("01:80:c2:00:00:10", false)]
    [InlineData("01:00:0c:cc:cc:cc", true)]
    [InlineData("01:00:0c:cc:cc:cd", true)]
    [InlineData("01:00:0c:cc:cc:c0", true)]
    [InlineData("01:00:0c:cc:cc:c7", true)]
    [InlineData("01:00:0c:cc:cc:c8", false)]
    [InlineData("01:00:0c:cc:cc:ce", false)]
    [InlineData("01:00:0c:cd:cd:cd", true)]
    [InlineData("01:00:0c:00:00:00", true)]
    [InlineData("00:e0:2b:00:00:00", true)]
    [InlineData("00:e0:2b:00:00:04", true)]
    [InlineData("00:e0:2b:00:00:06", true)]
    [InlineData("00:e0:2b:00:00:01", false)]
    public void WhatIsForTheNeighbourIsForwardedOnlyWhereThatIsAskedFor(string to, bool isReserved)
    {
        BridgePortOptions[] plain = [BridgeRig.Port(1), BridgeRig.Port(2), BridgeRig.Port(3)];
        BridgePortOptions[] other = [BridgeRig.Port(1), BridgeRig.Port(2), BridgeRig.Port(3, VlanMode.Access, 5)];
        var bridge = _rig.Bridge("br0", plain);
        Assert.Equal(isReserved ? "" : "all", _rig.Again(bridge).Send(1, to: to));
        Assert.Equal(isReserved ? DropReason.ReservedGroup : null, _rig.Dropped);
        Assert.Equal(isReserved ? "" : "2:", _rig.Again(bridge with { Ports = other }).Send(1, to: to));
        Assert.Equal("all", _rig.Again(bridge with { ForwardsReserved = true }).Send(1, to: to));
        Assert.Equal("2:", _rig.Again(bridge with { Ports = other, ForwardsReserved = true }).Send(1, to: to));
    }

    [Fact]
    public void ProtectedPortsReachOthersAlone()
    {
        _rig.Have(BridgeRig.Port(1) with { IsProtected = true }, BridgeRig.Port(2) with { IsProtected = true }, BridgeRig.Port(3));
        Assert.Equal("3:", _rig.Send(1, from: A));
        Assert.Equal("", _rig.Send(2, to: A));
        Assert.Equal(DropReason.Protected, _rig.Dropped);
        Assert.Equal("1:", _rig.Send(3, to: A));
    }

    [Fact]
    public void NothingIsLearnedInAVlanThatFloods()
    {
        _rig.Have([_rig.Bridge("br0", BridgeRig.Port(1), BridgeRig.Port(2), BridgeRig.Port(3)) with { FloodVlans = [5] }]);
        _rig.Send(1, "5", from: A);
        Assert.Empty(_rig.Table.Entries());
        Assert.Equal("1:5 3:5", _rig.Send(2, "5", to: A));
        _rig.Send(1, "6", from: A);
        Assert.Equal("1:6", _rig.Send(2, "6", to: A));
    }

    [Fact]
    public void AnAddressOfAPortThatIsNotInTheBridgeAnyMoreIsUnknown()
    {
        var bridge = _rig.Bridge("br0", BridgeRig.Port(1), BridgeRig.Port(2), BridgeRig.Port(3, VlanMode.Access, 9));
        _rig.Again(bridge).Send(1, from: A);
        _rig.Again(bridge with { Ports = [.. bridge.Ports.Skip(1), BridgeRig.Port(4)] });
        Assert.Equal("4:", _rig.Send(2, to: A));
        _rig.Forget(1);
        Assert.DoesNotContain(_rig.Table.Entries(), entry => entry.Port == 1);
    }

    /// <summary>However often the bridges change: every frame goes by those before or by those after, never by some of both.</summary>
    [Fact]
    public void AFrameGoesByOneDescriptionWhileItIsReplaced()
    {
        using var table = new MacTable();
        var forwarder = new BridgeForwarder(table);
        BridgeSet[] sets = [.. new[] { 2, 3 }.Select(other => new BridgeSet([new BridgeOptions("br0", table,
            [.. Enumerable.Range(1, 4).Select(id => BridgeRig.Port(id, VlanMode.Access, id == 1 || id == other ? 10 : 20))])], isComplete: true))];
        forwarder.Publish(sets[0], [table]);
        using var ended = new ManualResetEventSlim();
        var publisher = new Thread(() =>
        {
            for (int i = 0; !ended.IsSet; i++)
                forwarder.Publish(sets[i % 2], [table]);
        });
        publisher.Start();
        var seen = new HashSet<ushort>();
        using var burst = new BurstOf((Packets.MacAddress.Broadcast, Packets.MacAddress.Parse(BridgeRig.Sender), 0));
        // Until both have been seen, and a good while: whatever is mixed would be routed, or go nowhere.
        for (int i = 0; i < 200_000 || seen.Count < 2; i++)
        {
            burst.Set(0, Frame.Undecided);
            forwarder.Decide(burst.Burst, 1);
            seen.Add(burst.Output(0));
        }
        ended.Set();
        publisher.Join();
        Assert.Equal((ushort[])[2, 3], seen.Order());
    }

    private static BridgePortOptions Patch(int id, int peer) => BridgeRig.Port(id) with { Peer = $"p{peer}" };
}
