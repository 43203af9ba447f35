using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.FileConfiguration;

namespace VhostSwitch.Control.Tests.CommandLine;

public class CtlCommandLineTests
{
    [Theory]
    [InlineData("show", null, "rte", 10, "show", "")]
    [InlineData("show --json", null, "rte", 10, "show", "--json")]
    [InlineData("--socket /tmp/c show --json", "/tmp/c", "rte", 10, "show", "--json")]
    [InlineData("show --json --socket /tmp/c", "/tmp/c", "rte", 10, "show", "--json")]
    [InlineData("-t /tmp/c -T 3 list-commands", "/tmp/c", "rte", 3, "list-commands", "")]
    [InlineData("add-port br0 p0 -- --may-exist add-port br0 p1 -- set port p1 tag=5", null, "rte", 10, "add-port", "br0 p0 -- --may-exist add-port br0 p1 -- set port p1 tag=5")]
    [InlineData("--may-exist add-br br0 --socket /tmp/c", "/tmp/c", "rte", 10, "add-br", "--may-exist br0")]
    [InlineData("--file-prefix x --timeout=1 fdb/show a -b --c", null, "x", 1, "fdb/show", "a -b --c")]
    public void PassesTheRestOn(string line, string? socket, string prefix, int timeout, string command, string arguments)
    {
        var options = CtlCommandLine.Parse(line.Split(' '))!;
        Assert.Equal((socket, prefix, timeout, command), (options.Socket, options.FilePrefix, options.TimeoutSeconds, options.Command));
        Assert.Equal(arguments, string.Join(' ', options.Arguments));
    }

    [Fact]
    public void HelpIsNoCommand() => Assert.Null(CtlCommandLine.Parse(["--help"]));

    [Fact]
    public void HelpNamesEveryCommandThatChanges()
    {
        string text = Help("--help");
        Assert.All(ConfigCommands.Names, name => Assert.Contains($"  {name} ", text));
    }

    [Fact]
    public void ACommandHasHelpOfItsOwn()
    {
        string text = Help("add-port", "--help");
        Assert.StartsWith("vhost-switch ctl [options] add-port [--may-exist] BRIDGE PORT [COLUMN=VALUE...]\n", text);
        Assert.All(ConfigTable.Port.Columns, column => Assert.Contains($"  {column.Name}", text));
    }

    [Fact]
    public void TheExamplesOfItsHelpAreCommands()
    {
        var root = ConfigEdit.Parse("add-br", "br0 -- add-port br0 vm0 -- add-port br0 vm1 -- add-port br0 cap -- add-mirror br0 m0".Split(' '))(ConfigRecord.Empty);
        foreach (var command in ConfigCommands.Changes)
        {
            foreach (string example in command.Examples)
                ConfigEdit.Parse(command.Name, ["--" + command.Option![2..], .. example.Split(' ')])(root);
        }
    }

    private static string Help(params string[] words)
    {
        var text = new StringWriter { NewLine = "\n" };
        SubcommandHelp.WriteCtl(words, text);
        return text.ToString();
    }

    [Theory]
    [InlineData("", "ctl needs a command, for example: vhost-switch ctl show")]
    [InlineData("--json show", "--json is no option of ctl; the command comes first, for example: vhost-switch ctl show --json")]
    [InlineData("--timeout 0 show", "Invalid argument for --timeout: at least 1 second is allowed")]
    [InlineData("--timeout x show", "Invalid argument for --timeout: 'x' was given, a whole number from 0 to 86400 seconds is allowed")]
    [InlineData("--file-prefix a/b show", "Invalid argument for --file-prefix: 'a/b' was given, a name without '/' and '%' is allowed")]
    [InlineData("show --socket", "--socket needs a value: --socket PATH")]
    public void RefusesWhatDoesNotFit(string line, string error) =>
        Assert.Equal(error,
            Assert.Throws<CommandLineException>(() => CtlCommandLine.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries))).Message);
}
