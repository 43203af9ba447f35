using VhostSwitch.Dataplane;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Hostile;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.Ports.Tests;

/// <summary>One attack on a busy switch: that it ends as it should, says so, and that nothing of it is left.</summary>
internal static class AttackRun
{
    public const string AttackerName = "attacker";

    /// <summary>What the guest of an attack takes that does not care.</summary>
    public static Virtio.Features Taken => SwitchUnderTest.Everything.Features & ~(Virtio.Features.Mq | ScriptedGuestOptions.NotSpoken);

    public static void Of(Attack attack, BusySwitch busy)
    {
        string name = attack.Name;
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
                    Until.True(() => Status(busy).StartsWith("broken", StringComparison.Ordinal), $"a broken port; its status is '{Status(busy)}'");
                    Says(name, Status(busy));
                    Lives(attacker);
                    break;
                case AttackOutcome.NotStarted:
                    Until.True(() => Status(busy).StartsWith("negotiating", StringComparison.Ordinal),
                        $"a port that does not start; its status is '{Status(busy)}'");
                    Says(name, Status(busy));
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
                    Until.True(() => NotReceived(busy).Any(), "a frame dropped");
                    Says(name, DropReasons.Name(NotReceived(busy).Single()));
                    Lives(attacker);
                    break;
                case AttackOutcome.Tolerated:
                    Assert.Equal(3, busy.Switch.DeviceCount);
                    break;
                case AttackOutcome.Raced:
                    Assert.Matches("^(up|broken)", Status(busy));
                    Lives(attacker);
                    break;
            }
            Assert.True(attacker.Guest.Memory.GuardsAreIntact, "something was written outside the attacker's memory");
        }
        busy.Recovers(AttackerName);
    }

    private static IEnumerable<DropReason> NotReceived(BusySwitch busy) =>
        Enum.GetValues<DropReason>().Where(r => r != DropReason.ReceiverFull && busy.Switch.Drops(BusySwitch.NextDevice, 0, r) > 0);

    private static string Status(BusySwitch busy) => busy.Switch.StatusOf(BusySwitch.NextDevice);

    private static void Says(string attack, string text)
    {
        Assert.True(AttackTexts.ByName.TryGetValue(attack, out string? expected), $"no text for {attack}; people read: {text}");
        Assert.Contains(expected, text, StringComparison.Ordinal);
    }

    // The connection of a guest with a broken ring goes on.
    private static void Lives(HostileFrontEnd attacker) => attacker.Script.Ask(FrontEndRequest.GetFeatures);
}
