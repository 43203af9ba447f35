using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Hostile;
using VhostSwitch.Virtio;

namespace VhostSwitch.Ports.Tests;

/// <summary>All attacks one after the other on one port, beside honest guests with both kinds of ring.</summary>
public sealed class AllAttacksTests
{
    private const string AttackerName = "attacker-of-all";

    [Fact]
    public void HonestGuestsOnBothKindsOfRingLoseNoFrameWhileOneRunsEveryAttack()
    {
        int seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"the order is that of seed {seed}");
        var order = HostileFrontEnd.Attacks.ToArray();
        new Random(seed).Shuffle(order);
        using var @switch = new SwitchUnderTest();
        var split = new ScriptedGuestOptions { Name = "honest-split", RingSize = 64 };
        var packed = split with { Name = "honest-packed", Features = split.Features | Features.RingPacked };
        var guests = new[] { split, split, packed, packed }.Select((o, i) => new HonestGuest(@switch.SocketPath, Mac(i), o)).ToArray();
        using (var exchange = new FrameExchange((guests[0], guests[1]), (guests[2], guests[3])))
        {
            exchange.WaitForRounds(3);
            foreach (var attack in order)
            {
                var options = new ScriptedGuestOptions { Name = AttackerName, Features = attack.FeaturesOf(AttackRun.Taken) };
                using (var attacker = new HostileFrontEnd(@switch.SocketPath, options))
                {
                    Run(attack, attacker, seed);
                    Assert.True(attacker.Guest.Memory.GuardsAreIntact, $"seed {seed}: {attack} had something written outside its memory");
                }
                Until.True(() => @switch.DeviceCount == guests.Length, $"the end of the attacker of: {attack}");
                Assert.True(exchange.Failure is null, $"seed {seed}, after {attack}: {exchange.Failure}");
            }
            exchange.WaitForRounds(10);
        }
        Assert.Null(@switch.ControlFailure);
        for (int device = 0; device < guests.Length; device++)
        {
            // The exchange has seen each number once and in order; here nothing else was dropped or counted.
            Assert.Equal("up (2 of 2 rings)", @switch.StatusOf(device));
            Until.True(() => guests[device].Sent == @switch.Count(device, 1, c => c.Frames), "each frame sent counted once");
            foreach (var reason in Enum.GetValues<DropReason>())
                Assert.Equal((reason, 0ul, 0ul), (reason, @switch.Drops(device, 0, reason), @switch.Drops(device, 1, reason)));
            Assert.True(guests[device].Device.Memory.GuardsAreIntact);
            guests[device].Dispose();
        }
        Assert.Equal(0, ProcessResources.MappingsOf(AttackerName));
    }

    private static void Run(Attack attack, HostileFrontEnd attacker, int seed)
    {
        try
        {
            attack.Run(attacker);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"seed {seed}, {attack}: {e.Message}", e);
        }
    }

    private static MacAddress Mac(int guest) => new(0x02 | ((ulong)(0x10 + guest) << 40));
}
