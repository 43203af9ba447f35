using VhostSwitch.Dataplane;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Hostile;
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
        using (var attacker = new HostileFrontEnd(busy.Switch.SocketPath, new ScriptedGuestOptions { Name = AttackerName, Features = Taken }))
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
                case AttackOutcome.Tolerated:
                    Assert.Equal(3, busy.Switch.DeviceCount);
                    break;
            }
            Assert.True(attacker.Guest.Memory.GuardsAreIntact, "something was written outside the attacker's memory");
        }
        busy.Recovers(AttackerName);
    }

    [Fact]
    public void EveryAttackHasItsText()
    {
        var silent = HostileFrontEnd.Attacks.Where(a => a.Outcome != AttackOutcome.Tolerated && !AttackTexts.ByName.ContainsKey(a.Name)).Select(a => a.Name);
        Assert.Empty(silent);
    }

    private string Status => busy.Switch.StatusOf(BusySwitch.NextDevice);

    private static void Says(string attack, string text)
    {
        Assert.Contains(AttackTexts.ByName[attack], text, StringComparison.Ordinal);
    }

    // The connection of a guest with a broken ring goes on.
    private static void Lives(HostileFrontEnd attacker) => attacker.Script.Ask(FrontEndRequest.GetFeatures);
}
