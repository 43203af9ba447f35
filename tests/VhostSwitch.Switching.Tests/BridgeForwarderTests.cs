using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching.Tests;

public sealed class BridgeForwarderTests : IDisposable
{
    private static readonly MacAddress A = MacAddress.Parse("02:00:00:00:00:0a");
    private static readonly MacAddress B = MacAddress.Parse("02:00:00:00:00:0b");
    private static readonly MacAddress C = MacAddress.Parse("02:00:00:00:00:0c");

    private readonly MacTable _table = new();
    private readonly BridgeForwarder _bridge;

    public BridgeForwarderTests() => _bridge = new BridgeForwarder(_table);

    public void Dispose() => _table.Dispose();

    [Fact]
    public void FloodsWhatItDoesNotKnow() => Assert.Equal([Frame.Flood], Decide(1, (B, A, 0)));

    [Fact]
    public void SendsToTheOnePortThatIsKnown()
    {
        Decide(1, (B, A, 0));
        Assert.Equal([1], Decide(2, (A, B, 0)));
    }

    [Fact]
    public void NeverSendsAFrameBack()
    {
        Decide(1, (B, A, 0));
        Assert.Equal([Frame.DroppedFor(DropReason.SamePort)], Decide(1, (A, C, 0)));
    }

    [Fact]
    public void FloodsBroadcastAndMulticast() =>
        Assert.Equal([Frame.Flood, Frame.Flood], Decide(1, (MacAddress.Broadcast, A, 0), (MacAddress.Parse("01:00:5e:00:00:fb"), A, 0)));

    [Theory]
    [InlineData("01:80:c2:00:00:00", true)]
    [InlineData("01:80:c2:00:00:0f", true)]
    [InlineData("01:80:c2:00:00:10", false)]
    [InlineData("01:80:c2:00:01:00", false)]
    [InlineData("03:80:c2:00:00:00", false)]
    public void DropsTheReservedGroupAlone(string to, bool dropped) =>
        Assert.Equal([dropped ? Frame.DroppedFor(DropReason.ReservedGroup) : Frame.Flood], Decide(1, (MacAddress.Parse(to), A, 0)));

    [Fact]
    public void KeepsVlansApart()
    {
        Decide(1, (B, A, 5));
        Assert.Equal([Frame.Flood, 1], Decide(2, (A, B, 6), (A, B, 5)));
    }

    [Fact]
    public void LearnsNoGroupAddress()
    {
        Decide(1, (B, MacAddress.Broadcast, 0), (B, MacAddress.Parse("01:00:5e:00:00:fb"), 0));
        Assert.Empty(_table.Entries());
    }

    [Fact]
    public void LearnsEverySourceOfABurst()
    {
        Decide(1, (B, A, 0), (B, C, 0), (B, A, 0));
        Assert.Equal([1, 1], Decide(2, (A, B, 0), (C, B, 0)));
    }

    [Fact]
    public void FollowsAGuestThatMoves()
    {
        Decide(1, (B, A, 0));
        Decide(3, (B, A, 0));
        Assert.Equal([3], Decide(2, (A, B, 0)));
    }

    [Fact]
    public void ForgetsAPort()
    {
        Decide(1, (B, A, 0));
        _bridge.Forget(1);
        Assert.Equal([Frame.Flood], Decide(2, (A, B, 0)));
    }

    [Fact]
    public void LeavesDecidedFramesAlone()
    {
        using var burst = new BurstOf((B, A, 0));
        burst.Set(0, Frame.DroppedFor(DropReason.Runt));
        _bridge.Decide(burst.Burst, 1);
        Assert.Equal(Frame.DroppedFor(DropReason.Runt), burst.Output(0));
        Assert.Empty(_table.Entries());
    }

    [Fact]
    public void FramesWithTheSameAddressesBehindAPriorityTagGoByTheirOwnVlan()
    {
        const int vlanZeroWithPriority = 1 << 13;
        Decide(1, (B, A, 5));
        Assert.Equal([Frame.Flood, 1], Decide(2, (A, B, vlanZeroWithPriority), (A, B, 5)));
    }

    [Fact]
    public void DecidesOnFramesWithTheSameHeaderUpToOneThatIsDecided()
    {
        Decide(1, (B, A, 0));
        using var burst = new BurstOf((A, B, 0), (A, B, 0), (A, B, 0), (A, B, 0), (C, B, 0));
        burst.Set(2, Frame.DroppedFor(DropReason.Runt));
        _bridge.Decide(burst.Burst, 2);
        Assert.Equal([1, 1, Frame.DroppedFor(DropReason.Runt), 1, Frame.Flood], Enumerable.Range(0, 5).Select(burst.Output));
    }

    private ushort[] Decide(ushort source, params (MacAddress To, MacAddress From, int Vlan)[] frames)
    {
        using var burst = new BurstOf(frames);
        _bridge.Decide(burst.Burst, source);
        return [.. Enumerable.Range(0, frames.Length).Select(burst.Output)];
    }
}
