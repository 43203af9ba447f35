using Xunit;

namespace VhostSwitch.InGuest;

/// <summary>The control: what the other tests need of the kernel is there. When these fail, other failures say nothing about the project.</summary>
public sealed class KernelTests
{
    [Theory]
    [InlineData("/dev/vhost-net")]
    [InlineData("/dev/net/tun")]
    [InlineData("/dev/cuse")]
    public void TheDeviceOpens(string path)
    {
        using var device = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        Assert.False(device.IsInvalid);
    }
}
