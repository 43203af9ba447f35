using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Hostile;
using VhostSwitch.TestKit.Protocol;

namespace VhostSwitch.Ports.Tests;

/// <summary>Every attack of the test kit on a switch whose other guests must not notice.</summary>
public sealed class AttackTests(BusySwitch busy) : IClassFixture<BusySwitch>
{
    public static TheoryData<string> Names => [.. HostileFrontEnd.Attacks.Select(a => a.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void AnAttackHarmsNobodyElse(string name)
    {
        AttackRun.Of(HostileFrontEnd.Find(name), busy);
    }

    // The same memory is a packed ring for one connection and a split one for the next, and full of what the other left.
    [Fact]
    public unsafe void AGuestThatReconnectsWithTheOtherKindOfRingHarmsNobodyElse()
    {
        var random = new Random(1);
        var options = new ScriptedGuestOptions { Name = AttackRun.AttackerName, Features = AttackRun.Taken };
        using (var guest = new ScriptedGuest(options))
        {
            for (int i = 0; i < 20; i++)
            {
                bool packed = i % 2 == 0;
                using var script = FrontEndScript.Connect(busy.Switch.SocketPath);
                FrontEndHandshake.Qemu(script, guest, packed ? AttackRun.Taken | Virtio.Features.RingPacked : AttackRun.Taken);
                random.NextBytes(new Span<byte>(guest.Low.Host, (int)guest.Low.Length));
                guest.Kick(0);
                guest.Kick(1);
                busy.Exchange.WaitForRounds(1);
                Assert.Equal(packed, busy.Switch.Ask(s => s.Server.Connections.First(c => c.Id == BusySwitch.NextDevice).Device.IsPacked));
                Assert.Matches("^(up|broken|negotiating: ring 1 of 256 entries is to go on)", Status);
                Assert.True(guest.Memory.GuardsAreIntact, "something was written outside the attacker's memory");
                script.Dispose();
                Until.True(() => busy.Switch.DeviceCount == 2, "the connection gone");
            }
        }
        busy.Recovers(AttackRun.AttackerName);
    }

    [Fact]
    public void EveryAttackHasItsText()
    {
        var silent = HostileFrontEnd.Attacks.Concat(PostcopyAttacks.All)
            .Where(a => a.Outcome is not (AttackOutcome.Tolerated or AttackOutcome.Raced));
        Assert.Equal(silent.Select(a => a.Name).Order(), AttackTexts.ByName.Keys.Order());
    }

    private string Status => busy.Switch.StatusOf(BusySwitch.NextDevice);
}
