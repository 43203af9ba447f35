using System.Diagnostics;
using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Tests.CommandLine;

public class ShellCompletionTests
{
    [Theory]
    [InlineData("vhost-switch de", "demo")]
    [InlineData("vhost-switch --huge-d", "--huge-dir")]
    [InlineData("vhost-switch --mode ", "bridge vmdq")]
    [InlineData("vhost-switch -l 0 -- --mode ", "bridge vmdq")]
    [InlineData("vhost-switch -l 0 -- --rx-retry-", "--rx-retry-delay --rx-retry-num")]
    [InlineData("vhost-switch demo --s", "--seconds --size")]
    [InlineData("vhost-switch completion ", "bash zsh")]
    [InlineData("vhost-switch ctl add-", "add-br add-mirror add-port")]
    [InlineData("vhost-switch ctl add-port br0 p0 vl", "vlan_mode=access vlan_mode=dot1q-tunnel vlan_mode=native-tagged vlan_mode=native-untagged vlan_mode=trunk")]
    [InlineData("vhost-switch ctl add-port --m", "--may-exist")]
    [InlineData("vhost-switch ctl set po", "port")]
    public void SuggestsWhatMayComeNext(string line, string expected) =>
        Assert.Equal(expected.Split(' '), ShellCompletion.Suggest([$"[suggest:{line.Length}]", line]));

    [Fact]
    public void SuggestsCommandsOfTheSwitch() =>
        Assert.Superset(new HashSet<string> { "show", "stats", "exit" }, ShellCompletion.Suggest(["[suggest]", "vhost-switch ctl "]).ToHashSet());

    [Fact]
    public void LooksOnlyAtWhatIsBeforeTheCursor() => Assert.Equal(["demo"], ShellCompletion.Suggest(["[suggest:15]", "vhost-switch de --rx"]));

    [Fact]
    public void AfterTheSeparatorThereAreNoEalOptions() =>
        Assert.DoesNotContain("--huge-dir", ShellCompletion.Suggest(["[suggest]", "vhost-switch -- --"]));

    [Theory]
    [InlineData("")]
    [InlineData("fish")]
    [InlineData("bash zsh")]
    public void KnowsBashAndZsh(string shells) =>
        Assert.Throws<CommandLineException>(() => ShellCompletion.Script(shells.Split(' ', StringSplitOptions.RemoveEmptyEntries)));

    [Fact(Timeout = 20_000)]
    public async Task BashTakesItsScript()
    {
        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true,
            ArgumentList = { "-c", ShellCompletion.Script(["bash"]) + "complete -p vhost-switch" } };
        using var bash = Process.Start(start)!;
        Assert.Equal("complete -o default -F _vhost_switch vhost-switch\n", await bash.StandardOutput.ReadToEndAsync());
    }

    [Fact]
    public void ZshGetsItsOwn() => Assert.StartsWith("#compdef vhost-switch\n", ShellCompletion.Script(["zsh"]));
}
