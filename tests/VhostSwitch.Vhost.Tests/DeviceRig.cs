using VhostSwitch.Linux;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Tests;

/// <summary>A device with its owner's recorder and a guest to set it up with, without any socket.</summary>
internal sealed class DeviceRig : IDisposable
{
    public const Features Ordinary = Features.Version1 | Features.ProtocolFeatures;

    public DeviceRig(int pairs = 1, int maxPairs = 2)
    {
        Guest = new ScriptedGuest(new ScriptedGuestOptions { Name = "device-rig", QueuePairs = pairs });
        Device = new Device(0, new DeviceOptions(DeviceOptions.BasicFeatures, DeviceOptions.BasicProtocolFeatures, maxPairs), Recorder);
    }

    public Recorder Recorder { get; } = new();

    public ScriptedGuest Guest { get; }

    public Device Device { get; }

    public MemoryTable Table() => MemoryTable.Map(Guest.Memory.Descriptions, [.. Guest.Memory.Files.Select(f => f.File)]);

    public void Addresses(int ring) => Device.SetRingAddresses((uint)ring, Guest.Rings[ring].FrontEndAddresses);

    public void Kick(int ring) => Device.SetRingKick((uint)ring, EventFd.Create());

    public Vring Ring(int index) => Device.Rings.First(r => r.Index == index);

    /// <summary>Starts a ring in the usual order.</summary>
    public void Start(int ring)
    {
        Device.SetRingSize((uint)ring, (uint)Guest.Rings[ring].Size);
        Device.SetRingBase((uint)ring, 0);
        Addresses(ring);
        Kick(ring);
    }

    /// <summary>Features, memory, and one enabled ring that runs.</summary>
    public void StartAll(int ring = 0)
    {
        Device.SetRingEnabled((uint)ring, 1);
        Device.SetFeatures(Ordinary);
        Device.SetMemory(Table());
        Start(ring);
    }

    public void Dispose()
    {
        Device.Dispose();
        Assert.Empty(Recorder.Running);
        Guest.Dispose();
    }
}
