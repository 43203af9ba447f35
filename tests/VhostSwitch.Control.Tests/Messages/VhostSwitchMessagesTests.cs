using VhostSwitch.Control.Messages;
using VhostSwitch.Packets;

namespace VhostSwitch.Control.Tests.Messages;

/// <summary>The lines as DPDK's documents have them.</summary>
public class VhostSwitchMessagesTests
{
    [Fact]
    public void TellsThatACorePolls() => Assert.Equal("Processing on Core 1 started", VhostSwitchMessages.PollingStarted(1));

    [Fact]
    public void TellsThatADeviceIsThere() => Assert.Equal("(0) Device has been added to data core 1", VhostSwitchMessages.DeviceAdded(0, 1));

    [Fact]
    public void TellsThatADeviceIsGone() => Assert.Equal("(0) Device has been removed from data core", VhostSwitchMessages.DeviceRemoved(0));

    [Fact]
    public void TellsThatAnAddressIsLearned() => Assert.Equal(
        "DATA: (0) MAC_ADDRESS cc:bb:bb:bb:bb:bb and VLAN_TAG 1000 registered", VhostSwitchMessages.MacRegistered(0,
            MacAddress.Parse("cc:bb:bb:bb:bb:bb"), 1000));

    [Fact]
    public void WarnsOfADuplicateAddress() => Assert.Equal(
        "(1) WARNING: This device is using an existing MAC address and has not been registered.", VhostSwitchMessages.DuplicateMac(1));
}
