using VhostSwitch.Control.Configuration;
using VhostSwitch.Ports;
using VhostSwitch.Ports.NetTap;

namespace VhostSwitch.Control.Tests.Configuration;

public class PortChangesTests
{
    [Fact]
    public void WhatIsThereStays()
    {
        var changes = Between([Tap("a")], [Tap("a"), Tap("b")]);
        Assert.Equal(("", "b", "a"), Names(changes));
    }

    [Fact]
    public void WhatIsNotWantedGoes() => Assert.Equal(("b", "", "a"), Names(Between([Tap("a"), Tap("b")], [Tap("a")])));

    [Fact]
    public void AnotherDeviceOfTheSameNameIsMadeAnew() => Assert.Equal(("a", "a", ""), Names(Between([Tap("a")], [Tap("a", ("mtu", "9000"))])));

    [Fact]
    public void APortThatMovesToAnotherBridgeIsMadeAnew() => Assert.Equal(("a", "a", ""), Names(Between([Tap("a")], [Tap("a") with { Bridge = "br1" }])));

    [Fact]
    public void APortThatIsRefusedNowGoes() =>
        Assert.Equal(("a", "a", ""), Names(Between([Tap("a")], [Tap("a") with { Device = null, Refusal = "why" }])));

    [Fact]
    public void WhatCouldNotBeMadeIsTriedAgain() => Assert.Equal(("a", "a", ""), Names(PortChanges.Between([Tap("a")], [Tap("a")], _ => false)));

    private static PortChanges Between(PlannedInterface[] present, PlannedInterface[] wanted) => PortChanges.Between(present, wanted, _ => true);

    private static PlannedInterface Tap(string name, params (string, string)[] arguments) =>
        new(new WantedInterface(name, "tap"), "br0") { Device = Vdev.Of(name, new TapDriver(), arguments) };

    private static (string Removed, string Added, string Kept) Names(PortChanges changes) => (
        string.Join(' ', changes.Removed), string.Join(' ', changes.Added.Select(planned => planned.Wanted.Name)), string.Join(' ', changes.Kept.Select(planned => planned.Wanted.Name)));
}
