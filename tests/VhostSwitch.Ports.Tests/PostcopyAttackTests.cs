using VhostSwitch.Linux;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Hostile;
using VhostSwitch.Vhost;

namespace VhostSwitch.Ports.Tests;

/// <summary>The attacks on postcopy, on a switch that allows it.</summary>
public sealed class PostcopyAttackTests(PostcopyAttackTests.PostcopySwitch busy) : IClassFixture<PostcopyAttackTests.PostcopySwitch>
{
    public static TheoryData<string> Names => [.. PostcopyAttacks.All.Select(a => a.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void AnAttackHarmsNobodyElse(string name)
    {
        Assert.SkipUnless(UserFaultIsAllowed(), "userfaultfd is not allowed here");
        AttackRun.Of(HostileFrontEnd.Find(name), busy);
    }

    private static bool UserFaultIsAllowed()
    {
        try
        {
            UserFault.Open().Dispose();
            return true;
        }
        catch (LinuxException)
        {
            return false;
        }
    }

    public sealed class PostcopySwitch() : BusySwitch(SwitchUnderTest.Everything with { ProtocolFeatures = DeviceOptions.PostcopyProtocolFeatures });
}
