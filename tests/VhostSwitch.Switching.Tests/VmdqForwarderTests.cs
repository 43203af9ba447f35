using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching.Tests;

public sealed class VmdqForwarderTests : IDisposable
{
    private static readonly MacAddress A = MacAddress.Parse("02:00:00:00:00:0a");
    private static readonly MacAddress B = MacAddress.Parse("02:00:00:00:00:0b");
    private static readonly MacAddress C = MacAddress.Parse("02:00:00:00:00:0c");

    private readonly MacTable _table = new();
    private readonly VmdqForwarder _forwarder;

    public VmdqForwarderTests() => _forwarder = new VmdqForwarder(_table);

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

    private ushort[] Decide(ushort source, params (MacAddress To, MacAddress From)[] frames)
    {
        using var burst = new BurstOf([.. frames.Select(f => (f.To, f.From, 0))]);
        _forwarder.Decide(burst.Burst, source);
        return [.. Enumerable.Range(0, frames.Length).Select(burst.Output)];
    }
}
