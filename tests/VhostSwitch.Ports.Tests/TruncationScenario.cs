using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests;

/// <summary>
/// A guest makes its memory files shorter while frames are copied from and to them, again and again, and two honest guests go on. Run in
/// a process of its own, which would end where the faults are not taken.
/// </summary>
internal static class TruncationScenario
{
    public const string OnePollThread = "one-poll-thread";
    public const string TwoPollThreads = "two-poll-threads";
    public const string Collections = "collections";

    private const int Repetitions = 21;
    private const string HonestName = "honest-guest";
    private const string Reason =
        "the front-end truncated its memory file, or the host had no memory left for it: its guest is disconnected; nobody else is affected";
    private const string AttackerName = "truncating-guest";

    private static readonly MacAddress Attacker = MacAddress.Parse("02:00:00:00:00:0c");
    private static readonly MacAddress Receiver = MacAddress.Parse("02:00:00:00:00:0d");

    public static int Run(string scenario)
    {
        using var @switch = new SwitchUnderTest(pollThreads: scenario == TwoPollThreads ? 2 : 1);
        var options = new ScriptedGuestOptions { Name = HonestName };
        using var first = new HonestGuest(@switch.SocketPath, MacAddress.Parse("02:00:00:00:00:0a"), options);
        using var second = new HonestGuest(@switch.SocketPath, MacAddress.Parse("02:00:00:00:00:0b"), options);
        using var exchange = new FrameExchange(first, second);
        exchange.WaitForRounds(3);
        // What the runtime opens once and keeps is opened by the first round.
        Attack(@switch, exchange, TruncatedTo.Nothing);
        int descriptors = ProcessResources.OpenDescriptorsAtStart();
        bool done = false;
        var collector = new Thread(() =>
        {
            for (long seen = 0; !Volatile.Read(ref done);)
            {
                // Not faster than frames are exchanged, or nothing else would be done.
                long rounds = exchange.Rounds;
                if (rounds != seen) GC.Collect();
                else Thread.Yield();
                seen = rounds;
            }
        });
        if (scenario == Collections) collector.Start();
        try
        {
            for (int i = 0; i < Repetitions; i++)
                Attack(@switch, exchange, (TruncatedTo)(i % 3));
        }
        finally
        {
            Volatile.Write(ref done, true);
            if (scenario == Collections) collector.Join();
        }
        Until.TryTrue(() => ProcessResources.OpenDescriptors() == descriptors, TimeSpan.FromSeconds(5));
        Demand(ProcessResources.OpenDescriptors() == descriptors, $"{descriptors} descriptors before, {ProcessResources.OpenDescriptors()} after");
        Demand(first.Device.Memory.GuardsAreIntact && second.Device.Memory.GuardsAreIntact, "something was written outside an honest guest's memory");
        Demand(@switch.ControlFailure is null, $"the control thread: {@switch.ControlFailure}");
        exchange.WaitForRounds(10);
        Console.WriteLine($"the others went on through {Repetitions} truncations");
        return 0;
    }

    private static void Attack(SwitchUnderTest @switch, FrameExchange exchange, TruncatedTo what)
    {
        const int ReceiverDevice = 2, AttackerDevice = 3;
        int notes = @switch.Notes.Count;
        var options = new ScriptedGuestOptions { Name = AttackerName };
        // Sends to itself, which is dropped and burdens nobody when the other one is gone.
        using (var receiver = new TruncatingGuest(@switch.SocketPath, Receiver, Receiver, options))
        using (var attacker = new TruncatingGuest(@switch.SocketPath, Attacker, Receiver, options))
        {
            Until.True(() => @switch.Count(ReceiverDevice, 0, c => c.Frames) > 1000, "frames copied from the attacker");
            Until.True(() => @switch.Count(AttackerDevice, 0, c => c.Frames) > 0, "broadcasts copied to the attacker");
            exchange.WaitForRounds(2);
            attacker.Truncate(what);
            Until.True(() => @switch.DeviceCount == 3, $"the end of the attacker's device after its memory was truncated to {what}");
            Demand(@switch.StatusOf(ReceiverDevice) == "up (2 of 2 rings, memory not sealed)", $"the receiver: {@switch.StatusOf(ReceiverDevice)}");
            string text = string.Join('\n', @switch.Notes.Skip(notes));
            string expected = $"the front-end of device {AttackerDevice} was disconnected: {Reason}";
            Demand(text.EndsWith(expected, StringComparison.Ordinal), $"the note: {text}");
            Demand(!text.Contains('\n', StringComparison.Ordinal), $"more than one note: {text}");
            exchange.WaitForRounds(2);
        }
        Until.True(() => @switch.DeviceCount == 2, "the receiver gone");
        Until.True(() => ProcessResources.MappingsOf(AttackerName) == 0, $"no mapping left; {ProcessResources.MappingsOf(AttackerName)} are");
        for (int device = 0; device < 2; device++)
        {
            string status = @switch.StatusOf(device);
            Demand(status == "up (2 of 2 rings)", $"honest guest {device}: {status}");
            foreach (var reason in Enum.GetValues<DropReason>())
                Demand(@switch.Drops(device, 0, reason) + @switch.Drops(device, 1, reason) == 0, $"honest guest {device} lost frames: {reason}");
        }
    }

    private static void Demand(bool condition, string what)
    {
        if (!condition) throw new InvalidOperationException(what);
    }
}
