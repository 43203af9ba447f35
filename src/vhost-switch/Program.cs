using VhostSwitch.Control.CommandLine;
using VhostSwitch.Linux;
using VhostSwitch.Program;
using VhostSwitch.Vhost.Net;

if (args is ["demo", ..]) return Demo.Run(new DemoOptions(10, 64, false), GuestQueueFactory.Default, Console.Out);
try
{
    switch (SwitchCommandLine.Parse(args, CpuAffinity.Current()))
    {
        case SwitchRequest.Run run:
            foreach (string notice in run.Notices) Console.WriteLine(notice);
            return await SwitchRuntime.RunAsync(run.Configuration, Console.Out, Console.Error);
        default:
            return ExitCode.Ok;
    }
}
catch (CommandLineException e)
{
    Console.Error.WriteLine($"vhost-switch: {e.Message}");
    return ExitCode.BadCommandLine;
}
