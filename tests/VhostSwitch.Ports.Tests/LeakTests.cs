using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Hostile;
using VhostSwitch.TestKit.Protocol;

namespace VhostSwitch.Ports.Tests;

/// <summary>That descriptors and mappings are the same before and after very many connections, whatever they were used for.</summary>
public sealed class LeakTests(BusySwitch busy) : IClassFixture<BusySwitch>
{
    private const string Name = "coming-and-going";

    private static readonly MacAddress Visitor = MacAddress.Parse("02:00:00:00:00:0e");

    [Fact]
    public void NothingIsLeftOfThousandsOfConnections()
    {
        int connections = FullRun.Requested ? 10_000 : 1_000;
        var attacks = HostileFrontEnd.Attacks.Where(a => !a.IsLong).ToArray();
        // Whatever is opened once and kept is opened by the first of each.
        Connect();
        Visit();
        Attack(attacks[0]);
        WaitUntilAlone();
        int descriptors = ProcessResources.OpenDescriptorsAtStart();
        long shared = ProcessResources.SharedBytes();
        for (int i = 0; i < connections; i++)
        {
            switch (i % 3)
            {
                case 0: Connect(); break;
                case 1: Visit(); break;
                case 2: Attack(attacks[i / 3 % attacks.Length]); break;
            }
            WaitUntilAlone();
        }
        // Fewer where the runtime had one open for a moment when they were counted first; a leak is one more for each time.
        Until.True(() => ProcessResources.OpenDescriptors() <= descriptors, $"no more than {descriptors} descriptors");
        Assert.Equal(0, ProcessResources.MappingsOf(Name));
        Assert.Equal(shared, ProcessResources.SharedBytes());
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{connections} connections: {descriptors} descriptors before, {ProcessResources.OpenDescriptors()} after, "
            + $"{shared} bytes of shared mappings before and after");
        busy.Recovers(Name);
    }

    private void Connect() => FrontEndScript.Connect(busy.Switch.SocketPath).Dispose();

    // A guest on either kind of ring that sends and receives, and goes.
    private void Visit()
    {
        var options = new ScriptedGuestOptions { Name = Name, RingSize = 16 };
        using var guest = new HonestGuest(busy.Switch.SocketPath, Visitor, options);
        guest.Send(NumberedFrame.Make(Visitor, Visitor, 1));
        byte[]? frame = null;
        Until.True(() => (frame = guest.TryReceive()) is not null || busy.Exchange.Failure is not null, "a broadcast received");
        Assert.True(busy.Exchange.Failure is null, $"{busy.Exchange.Failure}; {Full(0)} and {Full(1)} frames met a full ring");
    }

    private ulong Full(int device) => busy.Switch.Drops(device, 0, DropReason.ReceiverFull);

    private void Attack(Attack attack)
    {
        var options = new ScriptedGuestOptions { Name = Name, Features = attack.FeaturesOf(AttackRun.Taken) };
        using var attacker = new HostileFrontEnd(busy.Switch.SocketPath, options);
        attack.Run(attacker);
    }

    private void WaitUntilAlone() => Until.True(() => busy.Switch.DeviceCount == 2, "the connection gone");
}
