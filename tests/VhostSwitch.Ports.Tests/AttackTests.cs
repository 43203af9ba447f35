using VhostSwitch.Dataplane;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Hostile;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.Ports.Tests;

/// <summary>Every attack of the test kit on a switch whose other guests must not notice.</summary>
public sealed class AttackTests(BusySwitch busy) : IClassFixture<BusySwitch>
{
    private const string AttackerName = "attacker";

    private const Virtio.Features NotTaken = Virtio.Features.Mq | ScriptedGuestOptions.NotSpoken;

    private static Virtio.Features Taken => SwitchUnderTest.Everything.Features & ~NotTaken;

    public static TheoryData<string> Names => [.. HostileFrontEnd.Attacks.Select(a => a.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void AnAttackHarmsNobodyElse(string name)
    {
        var attack = HostileFrontEnd.Find(name);
        int notes = busy.Switch.Notes.Count;
        var options = new ScriptedGuestOptions { Name = AttackerName, Features = attack.FeaturesOf(Taken) };
        using (var attacker = new HostileFrontEnd(busy.Switch.SocketPath, options))
        {
            attack.Run(attacker);
            busy.Exchange.WaitForRounds(3);
            switch (attack.Outcome)
            {
                case AttackOutcome.Disconnected:
                    Assert.True(attacker.Script.WaitForEnd(), "the connection was not closed");
                    Until.True(() => busy.Switch.Notes.Count > notes, "a note on the end of the connection");
                    Says(name, string.Join('\n', busy.Switch.Notes.Skip(notes)));
                    break;
                case AttackOutcome.RingBroken:
                    Until.True(() => Status.StartsWith("broken", StringComparison.Ordinal), $"a broken port; its status is '{Status}'");
                    Says(name, Status);
                    Lives(attacker);
                    break;
                case AttackOutcome.NotStarted:
                    Until.True(() => Status.StartsWith("negotiating", StringComparison.Ordinal), $"a port that does not start; its status is '{Status}'");
                    Says(name, Status);
                    Lives(attacker);
                    break;
                case AttackOutcome.FrameDropped:
                    Until.True(() => busy.Switch.Count(BusySwitch.NextDevice, 1, c => c.Frames) == 1, "the frame taken");
                    var reason = Enum.GetValues<DropReason>().Single(r => busy.Switch.Drops(BusySwitch.NextDevice, 1, r) == 1);
                    Says(name, DropReasons.Name(reason));
                    Lives(attacker);
                    break;
                case AttackOutcome.Refused:
                    Until.True(() => busy.Switch.Notes.Count > notes, "a note on the refusal");
                    Says(name, string.Join('\n', busy.Switch.Notes.Skip(notes)));
                    Lives(attacker);
                    break;
                case AttackOutcome.ReceiveDropped:
                    // Broadcasts that came before its first buffer were dropped as for every guest.
                    Until.True(() => NotReceived.Any(), "a frame dropped");
                    Says(name, DropReasons.Name(NotReceived.Single()));
                    Lives(attacker);
                    break;
                case AttackOutcome.Tolerated:
                    Assert.Equal(3, busy.Switch.DeviceCount);
                    break;
                case AttackOutcome.Raced:
                    Assert.Matches("^(up|broken)", Status);
                    Lives(attacker);
                    break;
            }
            Assert.True(attacker.Guest.Memory.GuardsAreIntact, "something was written outside the attacker's memory");
        }
        busy.Recovers(AttackerName);
    }

    // The same memory is a packed ring for one connection and a split one for the next, and full of what the other left.
    [Fact]
    public unsafe void AGuestThatReconnectsWithTheOtherKindOfRingHarmsNobodyElse()
    {
        var random = new Random(1);
        var options = new ScriptedGuestOptions { Name = AttackerName, Features = Taken };
        using (var guest = new ScriptedGuest(options))
        {
            for (int i = 0; i < 20; i++)
            {
                bool packed = i % 2 == 0;
                using var script = FrontEndScript.Connect(busy.Switch.SocketPath);
                FrontEndHandshake.Qemu(script, guest, packed ? Taken | Virtio.Features.RingPacked : Taken);
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
        busy.Recovers(AttackerName);
    }

    [Fact]
    public void EveryAttackHasItsText()
    {
        var silent = HostileFrontEnd.Attacks.Where(a => a.Outcome is not (AttackOutcome.Tolerated or AttackOutcome.Raced));
        Assert.Equal(silent.Select(a => a.Name).Order(), AttackTexts.ByName.Keys.Order());
    }

    private IEnumerable<DropReason> NotReceived =>
        Enum.GetValues<DropReason>().Where(r => r != DropReason.ReceiverFull && busy.Switch.Drops(BusySwitch.NextDevice, 0, r) > 0);

    private string Status => busy.Switch.StatusOf(BusySwitch.NextDevice);

    private static void Says(string attack, string text)
    {
        Assert.True(AttackTexts.ByName.TryGetValue(attack, out string? expected), $"no text for {attack}; people read: {text}");
        Assert.Contains(expected, text, StringComparison.Ordinal);
    }

    // The connection of a guest with a broken ring goes on.
    private static void Lives(HostileFrontEnd attacker) => attacker.Script.Ask(FrontEndRequest.GetFeatures);
}
