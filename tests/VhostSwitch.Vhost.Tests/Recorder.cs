using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Tests;

/// <summary>Writes down what a device tells its owner, and checks what must hold whenever it does.</summary>
internal sealed class Recorder : IDeviceEvents
{
    public List<string> Events { get; } = [];

    public HashSet<int> Running { get; } = [];

    public uint? StopsAt { get; set; }

    public void RingRunning(Device device, Vring ring)
    {
        Assert.True(Running.Add(ring.Index), $"ring {ring.Index} was started twice");
        Assert.True(device.TryTranslate(ring, out var parts) && parts.AreAligned);
        Assert.True(device.FeaturesSet);
        Events.Add($"run {ring.Index}{(ring.Enabled ? "" : " disabled")}");
    }

    public unsafe void RingStopping(Device device, Vring ring)
    {
        Assert.True(Running.Remove(ring.Index), $"ring {ring.Index} was stopped twice");
        // Its memory must still be there: the data path may be in the middle of a burst.
        Assert.True(device.TryTranslate(ring, out var parts));
        _ = *parts.Available;
        Events.Add($"stop {ring.Index}");
        if (StopsAt is { } next) device.RingStoppedAt(ring, next);
    }

    public void RingEnabledChanged(Device device, Vring ring)
    {
        Assert.Contains(ring.Index, Running);
        Events.Add($"{(ring.Enabled ? "enable" : "disable")} {ring.Index}");
    }

    public void RingCallChanged(Device device, Vring ring) => Events.Add($"call {ring.Index}");

    public void TranslationsChanged(Device device) => Events.Add("translations");

    public void Announce(Device device, ulong mac) => Events.Add($"announce {new GuestAddress(mac)}");

    public string[] Take()
    {
        string[] events = [.. Events];
        Events.Clear();
        return events;
    }
}
