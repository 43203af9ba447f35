using Spectre.Console;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Unixctl;
using VhostSwitch.Linux;
using VhostSwitch.Program;
using VhostSwitch.Vhost.Net;

SignalDisposition.HearInterrupt();
try
{
    var (subcommand, words) = Subcommands.Of(args);
    switch (subcommand)
    {
        case Subcommand.Demo:
            if (DemoCommandLine.Parse(words) is { } demo) return Demo.Run(demo, GuestQueueFactory.Default, Console.Out);
            SubcommandHelp.WriteDemo(Console.Out);
            return ExitCode.Ok;
        case Subcommand.Ctl:
            if (CtlCommandLine.Parse(words) is { } ctl)
                return await CtlCommand.RunAsync(ctl, Console.Out, Console.Error, Console.IsOutputRedirected ? null : AnsiConsole.Console);
            SubcommandHelp.WriteCtl(words, Console.Out);
            return ExitCode.Ok;
        case Subcommand.Completion:
            Console.Write(ShellCompletion.Script(words));
            return ExitCode.Ok;
        case Subcommand.Suggest:
            foreach (string word in ShellCompletion.Suggest(words))
                Console.WriteLine(word);
            return ExitCode.Ok;
        case Subcommand.Help:
            HelpText.Write(Console.Out);
            return ExitCode.Ok;
        default:
            return await RunSwitchAsync(words);
    }
}
catch (CommandLineException e)
{
    Console.Error.WriteLine($"vhost-switch: {e.Message}");
    return ExitCode.BadCommandLine;
}

static async Task<int> RunSwitchAsync(IReadOnlyList<string> words)
{
    switch (SwitchCommandLine.Parse(words, CpuAffinity.Present(), CpuAffinity.Current()))
    {
        case SwitchRequest.Help:
            HelpText.Write(Console.Out);
            return ExitCode.Ok;
        case SwitchRequest.Version:
            Console.WriteLine(ProductVersion.Line);
            return ExitCode.Ok;
        case SwitchRequest.Run run:
            foreach (string notice in run.Notices)
                Console.WriteLine(notice);
            return await SwitchRuntime.RunAsync(run.Configuration, Console.Out, Console.Error);
        case var other:
            throw new InvalidOperationException($"{other} is not known here");
    }
}
