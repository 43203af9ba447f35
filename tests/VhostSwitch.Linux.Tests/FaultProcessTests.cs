namespace VhostSwitch.Linux.Tests;

/// <summary>Which faults still end the process, and how: each in a process of its own.</summary>
public sealed class FaultProcessTests
{
    public FaultProcessTests() => Assert.SkipUnless(MemoryMapping.PeerFilesAreGuarded, "no handler for this processor");

    [Theory]
    [InlineData(FaultScenarios.AnotherGuarded)]
    [InlineData(FaultScenarios.GuardedBefore)]
    public async Task AFaultElsewhereIsStillTheRuntimesToReport(string scenario)
    {
        var before = await Child.RunAsync(FaultScenarios.NothingGuarded);
        Assert.NotEqual(0, before.ExitCode);
        Assert.Contains("at VhostSwitch.Linux.Tests.FaultScenarios.Fault(", before.Error, StringComparison.Ordinal);
        var with = await Child.RunAsync(scenario);
        Assert.Equal(before.ExitCode, with.ExitCode);
        Assert.Equal("", with.Output);
        Assert.Contains("at VhostSwitch.Linux.Tests.FaultScenarios.Fault(", with.Error, StringComparison.Ordinal);
        Assert.Equal(before.Error.Split('\n')[0], with.Error.Split('\n')[0]);
    }

    [Fact]
    public async Task WhereNobodyHandledTheSignalItEndsTheProcess()
    {
        var child = await Child.RunAsync(FaultScenarios.NoHandlerBefore);
        Assert.Equal(("", "", 128 + Libc.SIGBUS), (child.Output, child.Error, child.ExitCode));
    }

    [Fact]
    public async Task ASignalThatSomebodySentIsNoFault()
    {
        var child = await Child.RunAsync(FaultScenarios.Sent);
        // The runtime's handler lets it pass.
        Assert.Equal("went on with 0, False\n", child.Output);
        Assert.Equal(0, child.ExitCode);
    }

    [Fact]
    public async Task WhereTheRestOfTheRangeIsTooMuchOnePageIsReplaced()
    {
        var child = await Child.RunAsync(FaultScenarios.LittleMemory);
        Assert.Equal("begins\nwent on with 0, True\n", child.Output);
        Assert.Equal(0, child.ExitCode);
    }

    [Fact]
    public async Task WhereNotEvenOnePageCanBeHadTheRuntimeReports()
    {
        var child = await Child.RunAsync(FaultScenarios.NoMemory);
        Assert.Equal("begins\n", child.Output);
        Assert.NotEqual(0, child.ExitCode);
    }
}
