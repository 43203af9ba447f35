using System.Net.Sockets;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Hostile;
using VhostSwitch.Vhost;
using VhostSwitch.Virtio;

namespace VhostSwitch.Ports.Tests;

/// <summary>A switch on which two honest guests exchange numbered frames all the time, and what must be left of it after a third guest's attack.</summary>
public class BusySwitch : IDisposable
{
    private const string HonestName = "honest-guest";

    public BusySwitch()
        : this(SwitchUnderTest.Everything)
    {
    }

    protected BusySwitch(DeviceOptions offer)
    {
        Switch = new SwitchUnderTest(offer);
        var options = new ScriptedGuestOptions { Name = HonestName, RingSize = 64 };
        First = new HonestGuest(Switch.SocketPath, MacAddress.Parse("02:00:00:00:00:01"), options);
        Second = new HonestGuest(Switch.SocketPath, MacAddress.Parse("02:00:00:00:00:02"), options with { Features = options.Features | Features.EventIdx | Features.MrgRxbuf });
        Exchange = new FrameExchange(First, Second);
        Exchange.WaitForRounds(10);
        // What the runtime opens once and keeps is opened now, for its own sockets among others.
        new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified).Dispose();
        foreach (var attack in HostileFrontEnd.Attacks.DistinctBy(a => a.Outcome))
        {
            var warmUp = options with { Name = "warm-up", Features = attack.FeaturesOf(options.Features) };
            using var attacker = new HostileFrontEnd(Switch.SocketPath, warmUp);
            attack.Run(attacker);
        }
        Until.True(() => Switch.DeviceCount == 2, "the attackers gone");
        Descriptors = ProcessResources.OpenDescriptorsAtStart();
    }

    public SwitchUnderTest Switch { get; }

    public HonestGuest First { get; }

    public HonestGuest Second { get; }

    public FrameExchange Exchange { get; }

    /// <summary>The descriptors of this process with the two honest guests alone.</summary>
    public int Descriptors { get; }

    /// <summary>The number of the next device that connects.</summary>
    public const int NextDevice = 2;

    /// <summary>Waits until what attacked is gone, and insists that nothing of it is left and the others lost nothing.</summary>
    public void Recovers(string attackerName)
    {
        Exchange.WaitForRounds(3);
        Assert.Null(Switch.ControlFailure);
        Until.True(() => Switch.DeviceCount == 2, "the attacker's device gone");
        Until.True(() => ProcessResources.MappingsOf(attackerName) == 0, $"no mapping of the attacker's memory, {ProcessResources.MappingsOf(attackerName)} are left");
        Settle();
        Assert.Equal(Descriptors, ProcessResources.OpenDescriptors());
        Assert.True(First.Device.Memory.GuardsAreIntact && Second.Device.Memory.GuardsAreIntact);
        for (int device = 0; device < 2; device++)
        {
            Assert.StartsWith("up", Switch.StatusOf(device), StringComparison.Ordinal);
            foreach (var reason in Enum.GetValues<DropReason>())
            {
                Assert.Equal(0ul, Switch.Drops(device, 0, reason));
                Assert.Equal(0ul, Switch.Drops(device, 1, reason));
            }
        }
    }

    public void Dispose()
    {
        Exchange.Dispose();
        // Every frame was counted once where it came in.
        Until.True(() => First.Sent == Switch.Count(0, 1, c => c.Frames), "each frame of the first guest counted once");
        Until.True(() => Second.Sent == Switch.Count(1, 1, c => c.Frames), "each frame of the second guest counted once");
        First.Dispose();
        Second.Dispose();
        Switch.Dispose();
        Assert.Equal(0, ProcessResources.MappingsOf(HonestName));
        GC.SuppressFinalize(this);
    }

    // What the switch closes after its answer, and what the runtime opens for a moment, is not there for long.
    private void Settle() => Until.TryTrue(() => ProcessResources.OpenDescriptors() == Descriptors, TimeSpan.FromSeconds(5));
}
