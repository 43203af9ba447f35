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

    [Fact]
    public void RefreshesEverySourceOfABurst()
    {
        // To addresses that are known, or each frame would be looked at closely for that.
        Decide(2, (A, B, 0), (A, B, 5));
        (MacAddress To, MacAddress From, int Vlan)[] frames = [(B, A, 0), (B, C, 5), (B, C, 0)];
        Decide(1, frames);
        _table.Tick(7, BridgeForwarder.AgeSeconds, () => { });
        Assert.All(_table.Entries(), entry => Assert.Equal(7, entry.AgeSeconds));
        Decide(1, frames);
        Assert.Equal([0, 0, 0], _table.Entries().Where(entry => entry.Port == 1).Select(entry => entry.AgeSeconds));
    }

    [Fact]
    public void DecidesOnFramesOfManyAddressesAsOnEachAlone()
    {
        // So many that some lie in their second bucket.
        const int ports = 20, addressesOfAPort = 400;
        var random = new Random(7);
        var owners = new Dictionary<(ulong, int), ushort>();
        int notLearned = 0;
        var dropped = Frame.DroppedFor(DropReason.BadOffload);
        for (int round = 0; round < 3000; round++)
        {
            ushort source = (ushort)random.Next(1, ports + 1);
            var frames = Enumerable.Range(0, random.Next(1, Burst.MaxFrames + 1)).Select(_ => (To: Other(source), From: Own(source), Vlan: Vlan())).ToArray();
            // One that the same burst tells of may be looked up before it or after.
            var own = Own(source);
            if (random.Next(3) == 0 && !own.IsGroup && !Array.Exists(frames, frame => frame.From == own)) frames[^1].To = own;
            using var burst = new BurstOf(frames);
            bool[] decided = [.. frames.Select(_ => random.Next(10) == 0)];
            for (int i = 0; i < frames.Length; i++)
            {
                if (decided[i]) burst.Set(i, dropped);
            }
            _bridge.Decide(burst.Burst, source);
            for (int i = 0; i < frames.Length; i++)
            {
                if (decided[i] || frames[i].From.IsGroup) continue;
                if (_table.Find(MacTable.Key(frames[i].From.Value, (ushort)frames[i].Vlan)) == source) owners[(frames[i].From.Value, frames[i].Vlan)] = source;
                else notLearned++;
            }
            for (int i = 0; i < frames.Length; i++)
            {
                ushort expected = decided[i] ? dropped
                    : !owners.TryGetValue((frames[i].To.Value, frames[i].Vlan), out ushort owner) ? Frame.Flood
                    : owner == source ? Frame.DroppedFor(DropReason.SamePort) : owner;
                Assert.Equal(expected, burst.Output(i));
            }
        }
        Assert.Equal(owners.Count, _table.Entries().Count);
        Assert.InRange(owners.Count, 10_000, MacTable.Capacity);
        // One whose two buckets are full, each time it is heard of.
        Assert.InRange(notLearned, 0, 100);

        int Vlan() => random.Next(4) == 0 ? random.Next(5, 7) : 0;

        MacAddress Address(int port) => new(((ulong)random.Next(addressesOfAPort) << 24) | ((ulong)port << 8) | 2);

        // Some move from port to port; some are groups, which nobody has.
        MacAddress Own(int port) => random.Next(50) == 0 ? new MacAddress(3UL | (7UL << 40)) : Address(random.Next(20) == 0 ? 0 : port);

        MacAddress Other(int port)
        {
            int other = random.Next(1, ports);
            return random.Next(20) == 0 ? new MacAddress(MacAddress.GroupBit | 6) : Address(other < port ? other : other + 1);
        }
    }

    private ushort[] Decide(ushort source, params (MacAddress To, MacAddress From, int Vlan)[] frames)
    {
        using var burst = new BurstOf(frames);
        _bridge.Decide(burst.Burst, source);
        return [.. Enumerable.Range(0, frames.Length).Select(burst.Output)];
    }
}
