using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching.Tests;

public sealed class VmdqForwarderTests : IDisposable
{
    private static readonly MacAddress A = MacAddress.Parse("02:00:00:00:00:0a");
    private static readonly MacAddress B = MacAddress.Parse("02:00:00:00:00:0b");
    private static readonly MacAddress C = MacAddress.Parse("02:00:00:00:00:0c");

    private const ushort Uplink = 9;

    private readonly MacTable _table = new();
    private readonly VmdqPools _pools;
    private VmdqForwarder _forwarder;

    public VmdqForwarderTests()
    {
        _pools = new VmdqPools(_table);
        _forwarder = new VmdqForwarder(_pools, new VmdqOptions());
        for (ushort port = 1; port <= 3; port++)
            _pools.Add(port, port - 1);
    }

    public void Dispose() => _table.Dispose();

    [Fact]
    public void GivesADeviceTheOneAddressOfItsFirstFrame()
    {
        Decide(1, (B, A));
        Decide(1, (B, C));
        var entry = Assert.Single(_table.Entries());
        Assert.Equal((A, (ushort)1), (entry.Address, entry.Port));
    }

    [Fact]
    public void SwitchesAmongKnownAddresses()
    {
        Decide(1, (B, A));
        Assert.Equal([1], Decide(2, (A, B)));
        Assert.Equal([2], Decide(1, (B, A)));
    }

    [Fact]
    public void RefusesADeviceWhoseAddressAnotherOneHas()
    {
        Decide(1, (B, A));
        Assert.Equal([Frame.DroppedFor(DropReason.NotRegistered)], Decide(2, (B, A)));
        Assert.Contains(_table.TakeEvents(), e => e == new MacEvent(MacEventKind.Duplicate, A, 0, 2));
    }

    [Fact]
    public void RefusesADeviceThatSendsFromAGroupAddress() =>
        Assert.Equal([Frame.DroppedFor(DropReason.NotRegistered)], Decide(1, (B, MacAddress.Broadcast)));

    [Fact]
    public void SendsBroadcastsToAll() => Assert.Equal([Frame.Flood], Decide(1, (MacAddress.Broadcast, A)));

    [Fact]
    public void DropsMulticastsAndUnknownAddresses()
    {
        ushort dropped = Frame.DroppedFor(DropReason.UnknownDestination);
        Assert.Equal([dropped, dropped], Decide(1, (MacAddress.Parse("01:00:5e:00:00:fb"), A), (B, A)));
    }

    [Fact]
    public void NeverSendsAFrameBack() => Assert.Equal([Frame.DroppedFor(DropReason.SamePort)], Decide(1, (A, A)));

    [Fact]
    public void LetsAnotherDeviceHaveTheAddressOfOneThatWent()
    {
        Decide(1, (B, A));
        _forwarder.Forget(1);
        Decide(2, (B, A));
        Assert.Equal([2], Decide(3, (A, B)));
    }

    [Fact]
    public void SendsTheUplinkWhatNoDeviceHas()
    {
        _pools.Uplink = Uplink;
        Assert.Equal([Uplink, Uplink, Frame.Flood], Decide(1, (MacAddress.Parse("01:00:5e:00:00:fb"), A), (B, A), (MacAddress.Broadcast, A)));
    }

    [Fact]
    public void WithoutVm2VmEverythingGoesToTheUplink()
    {
        Use(new VmdqOptions(Vm2Vm.Off));
        Decide(2, (A, B));
        Assert.Equal([Uplink, Uplink, Uplink], Decide(1, (B, A), (C, A), (MacAddress.Broadcast, A)));
    }

    [Theory]
    [InlineData(true, 0, false)]
    [InlineData(true, 7, false)]
    [InlineData(false, 0, true)]
    [InlineData(false, 7, true)]
    public void ReflectsAsTheUplinksSwitchWould(bool strips, int vlan, bool isTagged)
    {
        Use(new VmdqOptions(Vm2Vm.Hardware, strips));
        Decide(2, (A, B));
        using var burst = new BurstOf((B, A, vlan));
        byte[] before = burst.Bytes(0);
        _forwarder.Decide(burst.Burst, 1);
        Assert.Equal(2, burst.Output(0));
        Assert.Equal(Bytes(before, isTagged ? VmdqPools.FirstTag + 1 : 0), burst.Bytes(0));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AFrameFromTheUplinkReachesTheDeviceThatHasAddressAndTag(bool strips)
    {
        Use(new VmdqOptions(StripsTags: strips));
        Decide(1, (B, A));
        using var burst = new BurstOf((A, C, VmdqPools.FirstTag), (A, C, VmdqPools.FirstTag + 1), (A, C, 0), (B, C, VmdqPools.FirstTag), (MacAddress.Broadcast, C, VmdqPools.FirstTag));
        byte[] before = burst.Bytes(0);
        _forwarder.Decide(burst.Burst, Uplink);
        ushort none = Frame.DroppedFor(DropReason.PoolMismatch);
        Assert.Equal([1, none, none, none, none], Enumerable.Range(0, 5).Select(burst.Output));
        Assert.Equal(Bytes(before, strips ? 0 : VmdqPools.FirstTag), burst.Bytes(0));
    }

    [Fact]
    public void PoolsThatArePromiscuousTakeGroupsWithTheirTag()
    {
        Use(new VmdqOptions(Promiscuous: true));
        using var burst = new BurstOf((MacAddress.Broadcast, C, VmdqPools.FirstTag + 2), (MacAddress.Broadcast, C, 0), (MacAddress.Broadcast, C, 5));
        _forwarder.Decide(burst.Burst, Uplink);
        ushort none = Frame.DroppedFor(DropReason.PoolMismatch);
        Assert.Equal([3, none, none], Enumerable.Range(0, 3).Select(burst.Output));
    }

    [Fact]
    public void ThePoolOfADeviceThatWentTakesNothing()
    {
        Use(new VmdqOptions());
        Decide(1, (B, A));
        _forwarder.Forget(1);
        using var burst = new BurstOf((A, C, VmdqPools.FirstTag));
        _forwarder.Decide(burst.Burst, Uplink);
        Assert.Equal(Frame.DroppedFor(DropReason.PoolMismatch), burst.Output(0));
    }

    // The frame with another tag, or with none.
    private static byte[] Bytes(byte[] frame, int vlan)
    {
        bool wasTagged = frame[12] == 0x81;
        byte[] tag = vlan == 0 ? [] : [0x81, 0, (byte)(vlan >> 8), (byte)vlan];
        return [.. frame[..12], .. tag, .. frame[(wasTagged ? 16 : 12)..]];
    }

    private void Use(VmdqOptions options)
    {
        _pools.Uplink = Uplink;
        _forwarder = new VmdqForwarder(_pools, options);
    }

    private ushort[] Decide(ushort source, params (MacAddress To, MacAddress From)[] frames)
    {
        using var burst = new BurstOf([.. frames.Select(f => (f.To, f.From, 0))]);
        _forwarder.Decide(burst.Burst, source);
        return [.. Enumerable.Range(0, frames.Length).Select(burst.Output)];
    }
}
