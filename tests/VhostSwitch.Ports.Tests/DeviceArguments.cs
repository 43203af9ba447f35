namespace VhostSwitch.Ports.Tests;

/// <summary>Makes devices without opening them, which is when their arguments are read.</summary>
internal static class DeviceArguments
{
    /// <summary>The sentence with which a value of <c>--vdev</c> is refused.</summary>
    internal static string RefusalOf(string vdev) => Assert.Throws<PortException>(() => Accept(vdev)).Message;

    /// <summary>Makes a device. Nothing of its context is used before it is opened.</summary>
    internal static PortDevice Accept(string text)
    {
        var vdev = Vdev.Parse(text, PortDrivers.All);
        return vdev.Driver.Create(vdev, new PortContext(null!, null!, new FrameMemory(0)));
    }
}
